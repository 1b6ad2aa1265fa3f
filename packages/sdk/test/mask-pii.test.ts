import { describe, expect, it } from 'vitest';
import { maskPii } from '../src/index.ts';

describe('maskPii', () => {
  it.each([
    ['Write to ann.lee+x@mail.example.co.uk today', 'Write to [EMAIL] today'],
    ['SSN 123-45-6789.', 'SSN [SSN].'],
    ['Call 555-123-4567 or (555) 123-4567', 'Call [PHONE] or [PHONE]'],
    ['Call +1 555-123-4567 now', 'Call [PHONE] now'],
    ['Call +44 20 7946 0958 now', 'Call [PHONE] now'],
    ['Call 5552345678 now', 'Call [PHONE] now'],
    ['Card 4111 1111 1111 1111 and 4111-1111-1111-1111', 'Card [CREDIT_CARD] and [CREDIT_CARD]'],
    ['Card 4111111111111111!', 'Card [CREDIT_CARD]!'],
    ['Amex 3782 822463 10005', 'Amex [CREDIT_CARD]'],
    ['Host 192.168.10.254 is up', 'Host [IP_ADDRESS] is up'],
    ['Host 2001:0db8:85a3:0000:0000:8a2e:0370:7334 and fe80::1', 'Host [IP_ADDRESS] and [IP_ADDRESS]'],
    ['key sk-abcdefghijklmnopqrstuvwx1234567890 end', 'key [API_KEY] end'],
    ['key sk-proj-AbCdEfGhIj_KlMnOp-5551234567 end', 'key [API_KEY] end'],
    ['token ghp_abcdefghijklmnopqrstuvwxyz0123456789', 'token [API_KEY]'],
    ['nvapi-abcdefghijklmnop0123456789', '[API_KEY]'],
    ['AKIAIOSFODNN7EXAMPLE is an id', '[API_KEY] is an id'],
    ['api_key = "a1b2c3d4e5f6a7b8c9d0"', 'api_key = "[API_KEY]"'],
    ['Card 4111\u00A01111\u00A01111\u00A01111.', 'Card [CREDIT_CARD].'],
    ['Call 555\u2011123\u20114567 or 555–123–4567', 'Call [PHONE] or [PHONE]'],
    ['Call 0049 30 1234567 now', 'Call [PHONE] now'],
    ['jöhn@example.com, john.doe＠example.com, jo\u00ADhn@exam\u200Bple.com', '[EMAIL], [EMAIL], [EMAIL]'],
    ['AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY', 'AWS_SECRET_ACCESS_KEY=[API_KEY]'],
    ['Authorization: Bearer abcdefghijklmnop', 'Authorization: Bearer [API_KEY]'],
    ['a eyJhbGciOi-eyJKV1Qi_eyJ.eyJzdWIiOiIx.c2ln eyJ.', 'a [API_KEY] eyJ.'],
  ])('masks %s', (text, masked) => {
    expect(maskPii(text)).toBe(masked);
  });

  it('does not take the tail of a token for a phone number', () => {
    const masked = maskPii('sk-live4567890123456789-555-123-4567');
    expect(masked).toBe('[API_KEY]');
    expect(maskPii('build-2024-555-123-4567')).not.toContain('[PHONE]');
  });

  it.each([
    'Version 1.2.3.4.5 of the tool',
    'Epoch 1700000000 seconds',
    'Order 1234567890123456 was shipped',
    'On 2023-01-15 at 10:30:45 the price was 1,234,567.89',
    'Order 00123456789012 of the secret santa 2024 – without 12–13 pages',
    'std::vector and Foo::Bar',
    'Commit 3f2b8c9d0e1f2a3b4c5d',
  ])('leaves %s as it is', (text) => {
    expect(maskPii(text)).toBe(text);
  });

  it('refuses what is not a string with MV019', () => {
    expect(() => maskPii(5 as never)).toThrow(
      expect.objectContaining({ code: 'MV019', name: 'InvalidInputError' }),
    );
  });

  it('needs linear time on hostile text', () => {
    const started = performance.now();
    for (const text of [
      'a@'.repeat(50_000),
      '1 '.repeat(50_000),
      '+1 '.repeat(40_000),
      ':'.repeat(100_000),
      '1234-'.repeat(30_000),
      'api_key '.repeat(20_000),
      'a.'.repeat(50_000),
      '0:'.repeat(50_000),
      `bearer${' '.repeat(100_000)}`,
      `secret${' '.repeat(2000)}`.repeat(50),
      `${'a'.repeat(16)} `.repeat(10_000),
      '-eyJ'.repeat(40_000),
      `${'-eyJaaaaaaaa'.repeat(10_000)}.eyJ`,
    ]) {
      maskPii(text);
    }
    expect(performance.now() - started).toBeLessThan(5000);
  });
});
