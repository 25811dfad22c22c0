//! Golden samples: one real-shaped body a kind, with made-up people. `send`, tests, docs and benches all use these.

/// The kinds that have a sample, each with its body.
pub const SAMPLES: &[(&str, &str)] = &[
    ("call.start", include_str!("samples/call.start.json")),
    ("room.create", include_str!("samples/room.create.json")),
    ("message.p2p", include_str!("samples/message.p2p.json")),
    ("login.im", include_str!("samples/login.im.json")),
    ("probe", "{}"),
];

/// The golden sample of `kind`.
pub fn sample(kind: &str) -> Option<&'static str> {
    SAMPLES.iter().find(|(name, _)| *name == kind).map(|(_, body)| *body)
}
