"""The trouble of the chaos test: each kind strikes its share of calls, chosen by the seed."""

from __future__ import annotations

from typing import Any

FAULTS: tuple[dict[str, Any], ...] = (
    # Submits whose answer is lost, and those that were not taken.
    {"kind": "lost_answer", "rate": 0.02},
    {"kind": "bad_gateway", "accepted": True, "rate": 0.01},
    {"kind": "bad_gateway", "rate": 0.01},
    {"kind": "null_data", "rate": 0.01},
    {"kind": "slow", "seconds": 2.5, "rate": 0.01},
    {"kind": "busy", "rate": 0.01},
    {"kind": "api_error", "code": "RateLimitExceeded", "rate": 0.01},
    {"kind": "api_error", "code": "InternalServerError", "rate": 0.01},
    # Tasks that end badly, in part, or never.
    {"kind": "one_fails", "rate": 0.06},
    {"kind": "all_fail", "rate": 0.03},
    {"kind": "stuck", "rate": 0.015},
    {"kind": "garbage_image", "rate": 0.02},
    {"kind": "runtime_error", "name": "ThirdPartyError", "rate": 0.03},
    {"kind": "runtime_error", "name": "ContentModerationError", "rate": 0.02},
    # Status checks.
    {"kind": "bad_gateway", "on": "status", "rate": 0.02},
    {"kind": "lost_answer", "on": "status", "rate": 0.02},
    {"kind": "slow_body", "on": "status", "seconds": 1, "rate": 0.01},
    {"kind": "null_data", "on": "status", "rate": 0.01},
    {"kind": "extra_keys", "on": "status", "rate": 0.05},
    {"kind": "unknown_state", "rate": 0.02},
    {"kind": "status_404", "rate": 0.004},
    {"kind": "images_object", "rate": 0.1},
    {"kind": "missing_output", "rate": 0.03},
    {"kind": "no_credits_header", "rate": 0.04},
    {"kind": "wrong_credits_header", "rate": 0.04},
    # Webhooks.
    {"kind": "duplicate", "rate": 0.1},
    {"kind": "early", "rate": 0.04},
    {"kind": "late", "seconds": 1, "rate": 0.1},
    {"kind": "none", "rate": 0.1},
    # Files, in both directions.
    {"kind": "lost_answer", "on": "upload", "rate": 0.1},
    {"kind": "dead_link", "rate": 0.03},
    {"kind": "lost_answer", "on": "download", "rate": 0.02},
    {"kind": "bad_gateway", "on": "file", "rate": 0.03},
    {"kind": "slow_body", "on": "file", "seconds": 1, "rate": 0.01},
    {"kind": "lost_answer", "on": "file", "rate": 0.02},
)
