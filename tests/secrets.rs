//! What the user keeps secret does not get into what a run writes or says, even
//! when agents, commands and gates print all that they can find; and what is given
//! to a command reaches that one and nothing else.

use std::path::{Path, PathBuf};

use crate::support::{Invocation, Project, until};

/// Prints the environment, the environments of all processes, and every file
/// that is not the system's, nor what it prints to.
const TELL: &str = r#"env
cat /proc/*/environ /proc/*/cmdline
find "$@" -xdev '(' -path /proc -o -path /sys -o -path /usr -o -path /dev ')' -prune -o \
  -type f -size -64k ! -name '*.txt' -print0 | xargs -0 cat
true
"#;

const SPEC: &str = r#"edition 1
pipeline secrets { base = "main", budget { parallel <= 2 } }
agent builder is codex { cli = "0.169.0", model = "gpt-5.5", network = none }
gate tells is command { run = ["sh", "tell.sh", "/", "/repo"] }
gate fails is command { run = ["sh", "-c", "sh tell.sh / /repo /tmp /home/agent; exit 1"] }
task agent by builder { prompt = "Tell.", writes = ["agent.txt"], gates = [tells] }
command direct {
  run    = ["sh", "-c", "sh tell.sh / /repo /tmp /home/agent > direct.txt 2>&1; sh tell.sh / /repo /tmp /home/agent; sh tell.sh / /repo /tmp /home/agent >&2"]
  writes = ["direct.txt"]
  gates  = [tells]
}
command failing { run = ["sh", "-c", "sh tell.sh / /repo /tmp /home/agent >&2; exit 3"] }
command judged { run = ["sh", "-c", "echo x > judged.txt"], writes = ["judged.txt"], gates = [fails] }
"#;

const CASSETTE: &str = r"format = 1
[[node.agent]]
shell = '''
sh tell.sh / /repo /tmp /home/agent > agent.txt 2>&1
sh tell.sh / /repo /tmp /home/agent
mkfifo hold; read line < hold; rm hold
'''
[[node.agent]]
say = 'Done.'
";

/// Names under which programs look for secrets; the others are numbered.
const VARIABLES: &[&str] = &[
    "OPENAI_API_KEY",
    "CODEX_API_KEY",
    "ANTHROPIC_API_KEY",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AZURE_CLIENT_SECRET",
    "CARGO_REGISTRY_TOKEN",
    "DATABASE_URL",
    "DOCKER_AUTH_CONFIG",
    "GH_TOKEN",
    "GITHUB_TOKEN",
    "GITLAB_TOKEN",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "NPM_TOKEN",
    "SSH_AUTH_SOCK",
    "VAULT_TOKEN",
];

/// Files in which programs keep secrets.
const FILES: &[&str] = &[
    ".aws/credentials",
    ".bash_history",
    ".cargo/credentials.toml",
    ".codex/auth.json",
    ".codex/config.toml",
    ".config/gcloud/credentials.db",
    ".config/gh/hosts.yml",
    ".docker/config.json",
    ".git-credentials",
    ".gnupg/private-keys-v1.d/key",
    ".kube/config",
    ".netrc",
    ".npmrc",
    ".pgpass",
    ".pypirc",
    ".ssh/id_ed25519",
    ".ssh/id_rsa",
];

const OF_EACH: usize = 100;

/// The canary of a number: no other text holds it.
fn canary(number: usize) -> String {
    format!("canary-{number:03}-{:08x}", (number + 1) * 0x9e37_79b9 % 0xffff_fffb)
}

/// The operator's variables, each with a canary.
fn variables() -> Vec<(String, String)> {
    let numbered = (0..OF_EACH).map(|number| {
        VARIABLES.get(number).map_or(format!("SECRET_{number}"), |name| (*name).to_owned())
    });
    numbered.enumerate().map(|(number, name)| (name, canary(number))).collect()
}

/// The operator's files, each with a canary.
fn plant_files(project: &Project) {
    for number in 0..OF_EACH {
        let name = FILES.get(number).map_or(format!("secrets/{number}"), |name| (*name).to_owned());
        project.write(&format!("../home/{name}"), canary(OF_EACH + number));
    }
}

fn with_secrets(mut run: Invocation) -> Invocation {
    for (name, value) in variables() {
        run = run.env(&name, value);
    }
    run
}

/// Lists the canaries in a text.
fn found(text: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(text);
    (0..2 * OF_EACH).map(canary).filter(|canary| text.contains(canary)).collect()
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("readable"))
    {
        match entry.file_type().expect("a type") {
            kind if kind.is_dir() => all.extend(files_below(&entry.path())),
            kind if kind.is_file() => all.push(entry.path()),
            _ => {}
        }
    }
    all
}

/// Reads everything that a repository keeps, compressed or not.
fn objects(project: &Project, git_dir: &Path) -> Vec<u8> {
    let git_dir = format!("--git-dir={}", git_dir.display());
    let args = ["cat-file", "--batch", "--batch-all-objects", "--buffer"];
    let run =
        Invocation::of("git".as_ref(), project.root(), project.root()).arg(git_dir).args(args);
    run.run().expect(0).stdout.into_bytes()
}

/// Finds the tokens of the gateway in the environments of the agents.
fn tokens() -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").expect("/proc").filter_map(Result::ok) {
        let text = std::fs::read(entry.path().join("environ")).unwrap_or_default();
        let text = String::from_utf8_lossy(&text).into_owned();
        let value = text.split('\0').find_map(|it| it.strip_prefix("EUFM_GATEWAY_TOKEN="));
        found.extend(value.map(str::to_owned));
    }
    found
}

#[test]
fn nothing_secret_gets_into_what_a_run_writes_or_says() {
    let project = Project::new(&[("tell.sh", TELL)]);
    plant_files(&project);
    project.write("spec.eufm", SPEC);
    project.write("cassette.toml", CASSETTE);
    project.compile().expect(0);

    // The control: outside, the same script tells all of them.
    let shell = Invocation::of("sh".as_ref(), project.root(), &project.repo());
    let told = with_secrets(shell.arg("tell.sh").arg(project.root().join("home"))).run().expect(0);
    assert_eq!(found(told.stdout.as_bytes()).len(), 2 * OF_EACH, "the script is alive");
    for output in ["out", "err"] {
        for file in files_below(project.root())
            .iter()
            .filter(|it| it.extension().is_some_and(|it| it == output))
        {
            std::fs::remove_file(file).expect("what the control said goes");
        }
    }

    let run = with_secrets(project.exec_agents()).start();
    project.wait_for_file("hold");
    let tokens = until("a token", || Some(tokens()).filter(|tokens| !tokens.is_empty()));
    project.send("hold", "go");
    let ended = run.wait().expect(1);

    let mut places = vec![
        ("standard output".to_owned(), ended.stdout.into_bytes()),
        ("standard error".to_owned(), ended.stderr.into_bytes()),
        ("the vault".to_owned(), objects(&project, &project.state().join("vault.git"))),
        ("the repository".to_owned(), objects(&project, &project.repo().join(".git"))),
    ];
    for file in files_below(&project.state()) {
        places.push((file.display().to_string(), std::fs::read(&file).expect("readable")));
    }
    for (place, bytes) in &places {
        assert_eq!(found(bytes), Vec::<String>::new(), "{place}");
        let text = String::from_utf8_lossy(bytes);
        let told = tokens.iter().filter(|token| text.contains(*token)).count();
        assert_eq!(told, 0, "{place} holds a token of the gateway");
    }
    // They did tell what there was to be told.
    for file in ["agent.txt", "direct.txt"] {
        assert!(project.merged(file).contains("HOME=/home/agent"), "{file}");
    }
    project.nothing_is_left();
}

/// A command that gets two secrets and tells all it can, and one that gets none.
const GIVEN: &str = r#"edition 1
pipeline given { base = "main" }
command with {
  run     = ["sh", "tell-given.sh"]
  secrets = [FIRST, SECOND]
}
command without { needs = [with], run = ["sh", "-c", "env; ls /run /run/eufm; cat /proc/*/environ"] }
"#;

/// Tells the secrets in several forms, and waits for a pipe that comes from outside.
const TELL_GIVEN: &str = r#"stat -c 'mode %a' "$FIRST_FILE"
cat "$FIRST_FILE" "$SECOND_FILE"
base64 -w0 "$FIRST_FILE"; echo
printf 'user:' | cat - "$FIRST_FILE" | base64 -w0; echo
sha256sum < "$SECOND_FILE"
env
cat /proc/*/cmdline /proc/*/environ
echo x > /repo/changed && echo it can be changed
read line && echo there is a standard input
cat "$FIRST_FILE" >&2
echo ready >&2
head -c 4000 /dev/zero | tr '\0' . >&2
while ! [ -p hold ]; do :; done
read line < hold
echo >&2
cat "$FIRST_FILE" >&2
exit 3
"#;

const FIRST: &str = "first-c4n4ry/with+signs";
const SECOND: &str = "second-c4n4ry\nin two lines\n";

/// Lists where a text stands that no place may hold.
fn holders(places: &[(String, Vec<u8>)]) -> Vec<&str> {
    let holds = |bytes: &[u8]| String::from_utf8_lossy(bytes).contains("c4n4ry");
    places.iter().filter(|(_, bytes)| holds(bytes)).map(|(place, _)| place.as_str()).collect()
}

/// Reads the arguments and variables of all processes of this host.
fn processes() -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").expect("/proc").filter_map(Result::ok) {
        for name in ["cmdline", "environ"] {
            let path = entry.path().join(name);
            found.push((path.display().to_string(), std::fs::read(&path).unwrap_or_default()));
        }
    }
    found
}

#[test]
fn a_secret_reaches_the_command_that_names_it_and_nothing_else() {
    let project = Project::new(&[("tell-given.sh", TELL_GIVEN)]);
    project.write("spec.eufm", GIVEN);
    project.write("../home/first", FIRST);
    project.write("../home/second", SECOND);
    let config = "[secrets]\nSECOND = { file = \"~/second\" }\n";
    project.write("../home/.config/eufm/config.toml", config);
    project.compile().expect(0);

    let first = project.root().join("home/first");
    let first = format!("FIRST=command:cat {}", first.display());
    let run = project.exec().args(["--secret", &first]).start();
    let logs = until("the command", || {
        let logs = project.run_dirs().pop()?.join("nodes/0000-with/1");
        std::fs::read_to_string(logs.join("stderr.log")).ok()?.contains("ready").then_some(logs)
    });
    assert_eq!(holders(&processes()), [""; 0], "while it runs");
    let tree = until("its worktree", || {
        let work = std::fs::read_dir(project.run_dir().join("work")).ok()?;
        work.filter_map(Result::ok).map(|entry| entry.path().join("tree")).next()
    });
    let pipe = Invocation::of("mkfifo".as_ref(), project.root(), project.root());
    pipe.arg(tree.join("hold")).run().expect(0);
    project.send("hold", "go");
    let ended = run.wait().expect(1);

    let said = std::fs::read_to_string(logs.join("stdout.log")).expect("a log");
    assert!(said.starts_with("mode 400\n[secret FIRST][secret SECOND]\n"), "{said}");
    // Wherever the value begins, base64 has whole digits of it.
    assert!(said.matches("[secret FIRST]").count() >= 3, "{said}");
    let digest = Invocation::of("sha256sum".as_ref(), project.root(), project.root());
    let digest = digest.arg(project.root().join("home/second")).run().expect(0).stdout;
    let digest = digest.split(' ').next().unwrap_or_default();
    assert!(said.contains(digest), "it lies there to the byte: {said}");
    assert!(said.contains("FIRST_FILE=/run/eufm/secrets/FIRST"), "{said}");
    for nothing in ["it can be changed", "there is a standard input"] {
        assert!(!said.contains(nothing), "{said}");
    }
    ended.shows(&["exit status 3: [secret FIRST]"]);
    let mut places =
        vec![("the vault".to_owned(), objects(&project, &project.state().join("vault.git")))];
    for file in files_below(&project.state()) {
        places.push((file.display().to_string(), std::fs::read(&file).expect("readable")));
    }
    assert_eq!(holders(&places), [""; 0]);
    project.nothing_is_left();
}

#[test]
fn a_command_without_secrets_sees_none() {
    let project = Project::of_spec(&GIVEN.replace("sh\", \"tell-given.sh", "true"));
    project.write("../home/first", FIRST);
    let first = format!("FIRST=file:{}", project.root().join("home/first").display());
    let run = project.exec().args(["--secret", &first, "--secret", "SECOND=env:OF_MINE"]);
    run.env("OF_MINE", "of the user").run().expect(0);
    let said = project.run_dir().join("nodes/0001-without/1/stdout.log");
    let said = std::fs::read_to_string(said).expect("a log");
    assert!(said.contains("HOME=/home/agent"), "{said}");
    assert!(!said.contains("FIRST") && !said.contains("secret"), "{said}");
}

#[test]
fn a_secret_that_is_not_there_is_refused_before_anything_starts() {
    let project = Project::of_spec(GIVEN);
    let refused = project.exec().args(["--secret", "FIRST=env:NOT_SET"]).run().expect(2);
    refused.says(&[
        "secret FIRST: the variable NOT_SET: it is not set",
        "secret SECOND: it is not given",
        "help: give it with --secret NAME=file:PATH",
    ]);
    assert_eq!(project.journal().len(), 0);
    let refused = project.exec().args(["--secret", "FIRST=c4n4ry"]).run().expect(2);
    refused.says(&["--secret: write NAME=file:PATH"]).keeps_quiet_about("c4n4ry");
}
