//! Who may use a new file that takes the place of another one: whoever could use that one.

use std::fs::File;
use std::path::Path;

use crate::error::{Error, Result};

/// Gives the new file the owner, the group, the permissions, the access control list and the attributes of the old one.
///
/// Only root can give a file to somebody else. A file that is written anew by another user then belongs to that user, as one
/// that rsync or an editor writes anew, and keeps group and permissions. That is done where nobody loses by it: where the
/// group, which the owner counts as one of, may do what the owner may, or everybody may. Else, and in a folder in which only
/// the owner may give its name to another file, it fails with [`Error::NotTheOwner`], and where something else is not allowed with [`Error::Io`].
pub fn take_over(path: &Path, old: &File, new: &File) -> Result<()> {
    let failed = |error| Error::io("take over the permissions of", path, error);
    let metadata = old.metadata().map_err(failed)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, fchown};
        let mine = new.metadata().map_err(failed)?;
        let (owner, group) = (metadata.uid(), metadata.gid());
        if (mine.uid(), mine.gid()) != (owner, group)
            && let Err(error) = fchown(new, Some(owner), Some(group))
        {
            if error.kind() != std::io::ErrorKind::PermissionDenied {
                return Err(failed(error));
            }
            let keeps_group = mine.gid() == group || fchown(new, None, Some(group)).is_ok();
            let keeps_owner = mine.uid() == owner;
            let may_replace = keeps_owner || !is_kept_by_owners(path, mine.uid());
            if !may_replace || !nobody_loses(metadata.mode(), keeps_owner, keeps_group) {
                return Err(Error::NotTheOwner {
                    path: path.to_path_buf(),
                    owner,
                    group,
                    user: mine.uid(),
                });
            }
        }
    }
    new.set_permissions(metadata.permissions())
        .map_err(failed)?;
    #[cfg(target_os = "linux")]
    copy_attributes(old, new).map_err(failed)?;
    Ok(())
}

/// Whether only owners may change names in the folder of a file, as in the one for temporary files, and this user is not the
/// folder's.
#[cfg(unix)]
fn is_kept_by_owners(path: &Path, user: u32) -> bool {
    use std::os::unix::fs::MetadataExt;
    const STICKY: u32 = 0o1000;
    let folder = path.parent().and_then(|folder| folder.metadata().ok());
    folder.is_some_and(|folder| folder.mode() & STICKY != 0 && folder.uid() != user)
}

/// Whether everybody can still do what they could when the file has another owner or another group.
#[cfg(unix)]
fn nobody_loses(mode: u32, keeps_owner: bool, keeps_group: bool) -> bool {
    /// Reading and writing.
    const USE: u32 = 0o6;
    let [owner, group, others] = [mode >> 6 & USE, mode >> 3 & USE, mode & USE];
    let within = |some: u32, more: u32| some & !more == 0;
    (keeps_group || within(group, others))
        && (keeps_owner || within(owner, if keeps_group { group | others } else { others }))
}

/// Copies the access control list, without which the permissions of the group mean something else, and what users noted.
#[cfg(target_os = "linux")]
fn copy_attributes(old: &File, new: &File) -> std::io::Result<()> {
    use rustix::fs::{XattrFlags, fgetxattr, flistxattr, fsetxattr};
    use rustix::io::Errno;
    const ACCESS: &[u8] = b"system.posix_acl_access";
    // The system's own limits.
    let mut names = vec![0; 64 << 10];
    let length = match flistxattr(old, &mut names) {
        Ok(length) => length,
        // A file system without any.
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let mut value = vec![0; 64 << 10];
    for name in names
        .get(..length)
        .unwrap_or_default()
        .split(|byte| *byte == 0)
    {
        let is_list = name == ACCESS;
        if !is_list && !name.starts_with(b"user.") {
            continue;
        }
        let copied = fgetxattr(old, name, &mut value).and_then(|length| {
            let value = value.get(..length).unwrap_or_default();
            fsetxattr(new, name, value, XattrFlags::empty())
        });
        match copied {
            // It was taken away a moment ago.
            Ok(()) | Err(Errno::NODATA) => {}
            // A note is no reason to keep the file as it is.
            Err(_) if !is_list => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Name of a user of this machine, as far as its own list of users tells.
#[must_use]
pub fn user_name(id: u32) -> Option<String> {
    let users = std::fs::read_to_string("/etc/passwd").ok()?;
    users.lines().find_map(|line| {
        // ann:x:1000:1000:Ann:/home/ann:/bin/sh
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(id)).then(|| name.to_owned())
    })
}

#[cfg(all(test, unix))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_new_owner_is_one_that_nobody_loses_by() {
        // Nobody but the owner may write, or read.
        assert!(!nobody_loses(0o644, false, true));
        assert!(!nobody_loses(0o600, false, false));
        // A file of a group, and one of everybody.
        assert!(nobody_loses(0o660, false, true));
        assert!(!nobody_loses(0o660, false, false));
        assert!(nobody_loses(0o666, false, false));
        // The group cannot be kept.
        assert!(!nobody_loses(0o640, true, false));
        assert!(nobody_loses(0o644, true, false));
        assert!(nobody_loses(0o600, true, false));
    }

    #[test]
    fn permissions_and_notes_are_taken_over() {
        use std::os::unix::fs::PermissionsExt;
        let (old, new) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
        old.set_permissions(std::fs::Permissions::from_mode(0o640))
            .unwrap();
        #[cfg(target_os = "linux")]
        let has_notes = {
            let flags = rustix::fs::XattrFlags::empty();
            rustix::fs::fsetxattr(&old, "user.note", b"mine", flags).is_ok()
        };
        take_over(Path::new("memory"), &old, &new).unwrap();
        assert_eq!(new.metadata().unwrap().permissions().mode() & 0o777, 0o640);
        #[cfg(target_os = "linux")]
        if has_notes {
            let mut value = [0; 8];
            let length = rustix::fs::fgetxattr(&new, "user.note", &mut value).unwrap();
            assert_eq!(&value[..length], b"mine");
        }
    }

    #[test]
    fn users_have_names() {
        assert_eq!(user_name(0).as_deref(), Some("root"));
        assert_eq!(user_name(u32::MAX - 7), None);
    }
}
