"""Receives webhooks, checks their signatures and keeps their events."""
