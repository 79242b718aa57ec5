//! A chip that sends, stops and is reset, on a line that does anything to its bytes. No message
//! is heard that was not sent, none twice, none out of order, every gap is told, and no frame
//! that came through whole is overlooked. The model is that of the property tests.

#![no_main]

#[path = "../../transport-serial/tests/model/mod.rs"]
mod model;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use model::check;

#[derive(Arbitrary, Debug)]
enum Deed {
    Send { port: u8, filler: Vec<u8> },
    Stop { port: u8 },
    Reset,
}

#[derive(Arbitrary, Debug)]
enum Fate {
    Arrive,
    Lose,
    Twice,
    Late(u8),
    Flip { at: u16, bits: u8 },
    Cut { at: u16, len: u8 },
    Insert { at: u16, bytes: Vec<u8> },
    Swap { at: u16, with: u16 },
    Noise(Vec<u8>),
}

impl From<Deed> for model::Deed {
    fn from(deed: Deed) -> Self {
        match deed {
            Deed::Send { port, filler } => Self::Send { port, filler },
            Deed::Stop { port } => Self::Stop { port },
            Deed::Reset => Self::Reset,
        }
    }
}

impl From<Fate> for model::Fate {
    fn from(fate: Fate) -> Self {
        match fate {
            Fate::Arrive => Self::Arrive,
            Fate::Lose => Self::Lose,
            Fate::Twice => Self::Twice,
            Fate::Late(by) => Self::Late(by % 16),
            Fate::Flip { at, bits } => Self::Flip { at, bits },
            Fate::Cut { at, len } => Self::Cut { at, len },
            Fate::Insert { at, bytes } => Self::Insert { at, bytes },
            Fate::Swap { at, with } => Self::Swap { at, with },
            Fate::Noise(noise) => Self::Noise(noise),
        }
    }
}

fuzz_target!(|input: (Vec<Deed>, Vec<Fate>, u8)| {
    let (deeds, fates, step) = input;
    let deeds: Vec<_> = deeds.into_iter().map(Into::into).collect();
    let fates: Vec<_> = fates.into_iter().map(Into::into).collect();
    check(&deeds, &fates, step.into());
});
