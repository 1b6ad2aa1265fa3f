/** Whether a flag in the environment is on: `1`, `true`, `yes` or `on`, in any case; anything else is off. */
export function isOn(value: string | undefined): boolean {
  return value !== undefined && /^(1|true|yes|on)$/i.test(value.trim());
}
