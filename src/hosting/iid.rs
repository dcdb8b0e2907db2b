//! Interface ids: the numbers by which managers are asked for.

use super::method::Interface;
use std::fmt;

/// The id of an interface.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Iid(u128);

impl Iid {
    /// No interface: who asks for it is mistaken.
    pub const NIL: Iid = Iid(0);

    /// The id with this number, as it is written, without the hyphens.
    #[must_use]
    pub const fn from_number(number: u128) -> Iid {
        Iid(number)
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u128 {
        self.0
    }

    /// The interface with this id, if it is one of those here.
    #[must_use]
    pub fn interface(self) -> Option<Interface> {
        Interface::ALL.iter().copied().find(|interface| interface.iid() == self)
    }
}

impl Interface {
    /// Its id.
    #[must_use]
    pub const fn iid(self) -> Iid {
        Iid(match self {
            Interface::HostTaskManager => 0x997FF24C_43B7_4352_8667_0DC04FAFD354,
            Interface::HostTask => 0xC2275828_C4B1_4B55_82C9_92135F74DF1A,
            Interface::ClrTask => 0x28E66A4A_9906_4225_B231_9187C3EB8611,
            Interface::ClrTaskManager => 0x4862EFBE_3AE5_44F8_8FEB_346190EE8A34,
            Interface::HostSyncManager => 0x234330C7_5F10_4F20_9615_5122DAB7A0AC,
            Interface::HostCrst => 0x6DF710A6_26A4_4A65_8CD5_7237B8BDA8DC,
            Interface::HostAutoEvent => 0x50B0CFCE_4063_4278_9673_E5CB4ED0BDB8,
            Interface::HostManualEvent => 0x1BF4EC38_AFFE_4FB9_85A6_525268F15B54,
            Interface::HostSemaphore => 0x855EFD47_CC09_463A_A97D_16ACAB882661,
            Interface::ClrSyncManager => 0x55FF199D_AD21_48F9_A16C_F24EBBB8727D,
            Interface::HostThreadPoolManager => 0x983D50E2_CB15_466B_80FC_845DC6E8C5FD,
            Interface::ClrPolicyManager => 0x7D290010_D781_45DA_A6F8_AA5D711A730E,
            Interface::HostPolicyManager => 0x7AE49844_B1E3_4683_BA7C_1E8212EA3B79,
            Interface::HostGcManager => 0x5D4EC34E_F248_457B_B603_255FAABA0D21,
            Interface::ClrGcManager => 0x54D9007E_A8E2_4885_B7BF_F998DEEE4F2A,
            Interface::HostControl => 0x02CA073C_7079_4860_880A_C2F7A449C991,
            Interface::ClrControl => 0x9065597E_D1A1_4FB2_B6BA_7E1FCE230F61,
            Interface::ClrRuntimeHost => 0x90F1A06C_7712_4762_86B5_7A5EBA6BDB02,
            Interface::ClrOnEventManager => 0x1D0E0132_E64F_493D_9260_025C0E32C175,
            Interface::ActionOnClrEvent => 0x607BE24B_D91B_4E28_A242_61871CE56E35,
            Interface::ClrDebugManager => 0x00DCAEC6_2AC0_43A9_ACF9_1E36C139B10D,
        })
    }
}

/// With the hyphens.
impl fmt::Display for Iid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.0.to_be_bytes();
        for (at, byte) in bytes.iter().enumerate() {
            if matches!(at, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02X}")?;
        }
        Ok(())
    }
}

/// The interface's name, where there is one.
impl fmt::Debug for Iid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.interface() {
            Some(interface) => f.write_str(interface.name()),
            None => fmt::Display::fmt(self, f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Iid, Interface};

    #[test]
    fn ids_are_told_apart_and_written_with_hyphens() {
        for interface in Interface::ALL {
            assert_eq!(interface.iid().interface(), Some(*interface));
        }
        let text = Interface::ClrTask.iid().to_string();
        assert_eq!(text, "28E66A4A-9906-4225-B231-9187C3EB8611");
        assert_eq!(Iid::NIL.interface(), None);
    }
}
