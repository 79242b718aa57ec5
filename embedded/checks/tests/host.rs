//! The checks, on this host.

#[test]
fn everything_holds() {
    let failed: Vec<_> = homing_embedded_checks::ALL
        .iter()
        .filter_map(|(name, check)| check().err().map(|failed| format!("{name}: {failed}")))
        .collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
