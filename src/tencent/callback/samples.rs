//! Golden samples: one real-shaped body a kind, with made-up people. Tests and docs use these.

/// The kinds that have a sample, each with its body.
pub const SAMPLES: &[(&str, &str)] = &[
    ("call_engine.start", include_str!("samples/call_engine.start.json")),
    ("call_engine.member_changed", include_str!("samples/call_engine.member_changed.json")),
    ("call_engine.end", include_str!("samples/call_engine.end.json")),
    ("trtc.1.103", include_str!("samples/trtc.1.103.json")),
    ("trtc.1.104", include_str!("samples/trtc.1.104.json")),
    ("trtc.2.204", include_str!("samples/trtc.2.204.json")),
    ("trtc.7.701", include_str!("samples/trtc.7.701.json")),
];

/// The golden sample of `kind`.
///
/// Example: [`super::decode_call`].
pub fn sample(kind: &str) -> Option<&'static str> {
    SAMPLES.iter().find(|(name, _)| *name == kind).map(|(_, body)| *body)
}
