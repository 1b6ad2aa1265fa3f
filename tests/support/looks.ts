/** Calls `act` each time that somebody asks a signal whether to go on, before it answers, with how often that was. */
export function onLook(signal: AbortSignal, act: (looks: number) => void): void {
  let looks = 0;
  const throwIfAborted = (): void => {
    looks += 1;
    act(looks);
    AbortSignal.prototype.throwIfAborted.call(signal);
  };
  Object.assign(signal, { throwIfAborted });
}

/** A signal that is aborted, for `reason`, when it is looked at for the `last`-th time. */
export function abortedAt(last: number, reason: Error): AbortSignal {
  const stop = new AbortController();
  onLook(stop.signal, (looks) => {
    if (looks === last) stop.abort(reason);
  });
  return stop.signal;
}
