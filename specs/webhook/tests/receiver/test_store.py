from receiver.store import Store


def test_the_newest_event_comes_first():
    store = Store(":memory:")
    store.add("a", "paid", b"{}", at=1)
    store.add("b", "refunded", b"{}", at=2)
    assert [event["id"] for event in store.events()] == ["b", "a"]


def test_an_event_is_kept_once():
    store = Store(":memory:")
    assert store.add("a", "paid", b"{}", at=1)
    assert not store.add("a", "paid", b"{}", at=2)
    assert store.events() == [{"id": "a", "kind": "paid", "at": 1}]


def test_events_outlive_the_service(tmp_path):
    path = str(tmp_path / "hooks.sqlite")
    Store(path).add("a", "paid", b"{}", at=1)
    assert len(Store(path).events()) == 1
