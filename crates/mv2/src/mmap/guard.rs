//! What becomes of a map when its file is cut off, or cannot be read, while it is looked at.
//!
//! The system then raises SIGBUS, which ends the process, and with a map no check beforehand can exclude it. The handler
//! here puts pages of zeros in the place of what is missing and notes that: whoever reads goes on, finds nonsense or
//! nothing, and asks [`Guarded::has_failed`] before anything comes of it. A SIGBUS anywhere else goes to whoever handled it
//! before.

#[cfg(unix)]
pub(super) use unix::Guarded;

/// Other systems do not let a file be cut off while it is mapped.
#[cfg(not(unix))]
pub(super) struct Guarded;

#[cfg(not(unix))]
impl Guarded {
    pub(super) fn new(_map: &[u8]) -> Self {
        Self
    }

    pub(super) fn has_failed(&self) -> bool {
        false
    }
}

#[cfg(unix)]
mod unix {
    use std::cell::UnsafeCell;
    use std::mem::MaybeUninit;
    use std::sync::Once;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    /// Maps that can be guarded at a time. Further ones are as any map is.
    const SLOTS: usize = 4096;

    /// A map that is guarded. Free while `start` is 0; taken, but not guarded yet, while `end` is 0.
    struct Slot {
        start: AtomicUsize,
        end: AtomicUsize,
        has_failed: AtomicBool,
    }

    static TABLE: [Slot; SLOTS] = [const {
        Slot {
            start: AtomicUsize::new(0),
            end: AtomicUsize::new(0),
            has_failed: AtomicBool::new(false),
        }
    }; SLOTS];
    /// Slots behind this one were never taken.
    static USED: AtomicUsize = AtomicUsize::new(0);

    /// Who handled the signal before. Written once, before the handler is in place.
    struct Previous(UnsafeCell<MaybeUninit<libc::sigaction>>);
    // SAFETY: it is written under `INSTALL`, and read by the handler that is installed after that.
    unsafe impl Sync for Previous {}
    static PREVIOUS: Previous = Previous(UnsafeCell::new(MaybeUninit::zeroed()));
    static INSTALL: Once = Once::new();
    static PAGE: AtomicUsize = AtomicUsize::new(4096);

    /// A place in the table, for as long as the map lives. To be dropped before the map is.
    pub(crate) struct Guarded(Option<&'static Slot>);

    impl Guarded {
        pub(crate) fn new(map: &[u8]) -> Self {
            INSTALL.call_once(install);
            let start = map.as_ptr() as usize;
            let free = TABLE.iter().enumerate().find(|(_, slot)| {
                slot.start
                    .compare_exchange(0, start, Ordering::AcqRel, Ordering::Relaxed)
                    .is_ok()
            });
            let Some((index, slot)) = free else {
                return Self(None);
            };
            slot.has_failed.store(false, Ordering::Relaxed);
            slot.end.store(start + map.len(), Ordering::Release);
            USED.fetch_max(index + 1, Ordering::AcqRel);
            Self(Some(slot))
        }

        pub(crate) fn has_failed(&self) -> bool {
            self.0
                .is_some_and(|slot| slot.has_failed.load(Ordering::Acquire))
        }
    }

    impl Drop for Guarded {
        fn drop(&mut self) {
            if let Some(slot) = self.0 {
                slot.end.store(0, Ordering::Release);
                slot.start.store(0, Ordering::Release);
            }
        }
    }

    fn install() {
        // SAFETY: the structures are zeroed, which is valid for them, and filled in as sigaction(2) says; the handler only
        // does what may be done in one, see there.
        unsafe {
            if let Ok(page) = usize::try_from(libc::sysconf(libc::_SC_PAGESIZE)) {
                PAGE.store(page, Ordering::Release);
            }
            let previous = PREVIOUS.0.get().cast::<libc::sigaction>();
            if libc::sigaction(libc::SIGBUS, std::ptr::null(), previous) != 0 {
                return;
            }
            stay_loaded();
            let mut action: libc::sigaction = std::mem::zeroed();
            let handler: extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void) =
                on_signal;
            action.sa_sigaction = handler as usize;
            action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
            libc::sigemptyset(&raw mut action.sa_mask);
            libc::sigaction(libc::SIGBUS, &raw const action, std::ptr::null_mut());
        }
    }

    /// Keeps the library that the handler is a part of in memory. Node unloads an addon with the last thread that uses it; the
    /// signal would then go to where nothing is any more.
    fn stay_loaded() {
        // SAFETY: `dladdr` fills in `info` and gives the name of a library that is loaded, which is the one asked for with
        // RTLD_NOLOAD: nothing is run. The handle is never closed.
        unsafe {
            let mut info: libc::Dl_info = std::mem::zeroed();
            let ours = on_signal as *const libc::c_void;
            if libc::dladdr(ours, &raw mut info) != 0 && !info.dli_fname.is_null() {
                let flags = libc::RTLD_LAZY | libc::RTLD_NOLOAD | libc::RTLD_NODELETE;
                libc::dlopen(info.dli_fname, flags);
            }
        }
    }

    /// Only reads and writes atomics and makes one system call: it takes no lock and allocates nothing.
    extern "C" fn on_signal(
        signal: libc::c_int,
        info: *mut libc::siginfo_t,
        context: *mut libc::c_void,
    ) {
        // SAFETY: the system passes a valid `info` to a handler with SA_SIGINFO; of SIGBUS it holds an address, unless
        // somebody sent it.
        let (address, was_sent) = unsafe { ((*info).si_addr() as usize, (*info).si_code <= 0) };
        if was_sent {
            forward(signal, info, context, true);
            return;
        }
        let used = USED.load(Ordering::Acquire).min(SLOTS);
        for slot in TABLE.iter().take(used) {
            let end = slot.end.load(Ordering::Acquire);
            let start = slot.start.load(Ordering::Acquire);
            if start != 0 && (start..end).contains(&address) {
                // First: another thread may read the zeros as soon as they are there.
                slot.has_failed.store(true, Ordering::SeqCst);
                if replace(address) {
                    return;
                }
            }
        }
        forward(signal, info, context, false);
    }

    /// Puts zeros in the place of the page that could not be read, and of no other: should the table have changed meanwhile,
    /// nobody loses anything but what was unreadable.
    fn replace(address: usize) -> bool {
        let page = PAGE.load(Ordering::Acquire);
        let from = address & !(page - 1);
        // SAFETY: the page belongs to a map of ours, which is read-only, and stays mapped: nobody's memory is changed but
        // what was unreadable. The error number of the interrupted code is put back.
        unsafe {
            let number = error_number();
            let saved = *number;
            let mapped = libc::mmap(
                from as *mut libc::c_void,
                page,
                libc::PROT_READ,
                libc::MAP_PRIVATE | libc::MAP_ANON | libc::MAP_FIXED,
                -1,
                0,
            );
            *number = saved;
            mapped != libc::MAP_FAILED
        }
    }

    /// Does what would have been done without us.
    fn forward(
        signal: libc::c_int,
        info: *mut libc::siginfo_t,
        context: *mut libc::c_void,
        was_sent: bool,
    ) {
        // SAFETY: `PREVIOUS` was written before this handler was put in place, by sigaction(2); its handler is called as it
        // wants to be. With the default in place again, going back to what failed ends the process as it would have.
        unsafe {
            let previous = PREVIOUS.0.get().cast::<libc::sigaction>();
            let handler = (*previous).sa_sigaction;
            if was_sent && handler == libc::SIG_IGN {
                return;
            }
            if handler == libc::SIG_DFL || handler == libc::SIG_IGN {
                libc::sigaction(signal, previous, std::ptr::null_mut());
                if was_sent {
                    // It is delivered when this handler returns.
                    libc::raise(signal);
                }
            } else if (*previous).sa_flags & libc::SA_SIGINFO != 0 {
                let handler: extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void) =
                    std::mem::transmute(handler);
                handler(signal, info, context);
            } else {
                let handler: extern "C" fn(libc::c_int) = std::mem::transmute(handler);
                handler(signal);
            }
        }
    }

    /// Where the error number of this thread stands.
    unsafe fn error_number() -> *mut libc::c_int {
        // SAFETY: both only give a pointer to memory of the thread.
        #[cfg(any(target_os = "linux", target_os = "emscripten"))]
        return unsafe { libc::__errno_location() };
        #[cfg(target_os = "android")]
        return unsafe { libc::__errno() };
        #[cfg(any(target_vendor = "apple", target_os = "freebsd"))]
        return unsafe { libc::__error() };
    }
}
