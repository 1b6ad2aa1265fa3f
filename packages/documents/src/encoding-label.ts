/** What `TextDecoder` calls an encoding; `undefined` for one it does not know. */
export function labelOf(name: string): string | undefined {
  try {
    return new TextDecoder(name.trim()).encoding;
  } catch {
    return undefined;
  }
}
