/**
 * Forms of keys that services hand out. Messages of foreign code (a provider's client, an HTTP reply) may quote
 * one; it must not travel into a log by way of our message.
 */
const KEYS =
  /\b(?:sk|pk|rk)-[A-Za-z0-9_-]{16,}|\bgh[opsur]_[A-Za-z0-9]{20,}|\bnvapi-[A-Za-z0-9_-]{16,}|\bpa-[A-Za-z0-9_-]{24,}|\bAIza[A-Za-z0-9_-]{30,}|\bAKIA[A-Z0-9]{16}\b|(?<=\b[Bb]earer )[A-Za-z0-9._~+/=-]{8,}/g;

/** `text` with everything that looks like a key, and every one of `secrets`, replaced by `[secret]`. */
export function withoutSecrets(text: string, secrets: readonly string[] = []): string {
  let clean = text.replace(KEYS, '[secret]');
  for (const secret of secrets) {
    if (secret.length > 0) clean = clean.replaceAll(secret, '[secret]');
  }
  return clean;
}
