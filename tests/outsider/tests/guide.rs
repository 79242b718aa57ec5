//! The guide shows the transport that the suites prove.

#[test]
fn the_guide_has_the_transport_between_threads() {
    let guide = include_str!("../../../docs/transports.md");
    let source = include_str!("../src/threads.rs");
    // Below the module's own documentation.
    let code = source.split_once("\n\n").map(|(_, code)| code);
    assert!(code.is_some_and(|code| guide.contains(code)), "docs/transports.md shows another");
}

/// The guide names checks that there are.
#[test]
fn the_guide_names_checks_of_the_suites() {
    use homing_conformance::checks::names;

    let guide = include_str!("../../../docs/transports.md");
    let suites =
        [names::TRANSPORT, names::INLET, names::PROCESS[0], names::PROCESS[1], names::ALONE];
    let is_check = |word: &&str| {
        let groups = ["sender::", "router::", "inlet::", "process::"];
        groups.iter().any(|group| word.starts_with(group)) && !word.contains('<')
    };
    let named: Vec<_> = guide.split('`').filter(is_check).collect();
    assert!(!named.is_empty());
    for check in named {
        assert!(suites.iter().any(|suite| suite.contains(&check)), "there is no check {check}");
    }
}
