import { Parser } from 'htmlparser2';
import { labelOf } from './encoding-label.js';
import { damaged } from './failures.js';
import type { Reading } from './reading.js';

/** What is told about an XML document while it is read. Names come without their prefix. */
export interface XmlEvents {
  open?(name: string, attributes: Readonly<Record<string, string>>): void;
  text?(text: string): void;
  close?(name: string): void;
}

export function localName(name: string): string {
  return name.slice(name.indexOf(':') + 1);
}

/** The value of an attribute, whatever its prefix. */
export function attribute(attributes: Readonly<Record<string, string>>, name: string): string | undefined {
  const own = attributes[name];
  if (own !== undefined) return own;
  for (const [key, value] of Object.entries(attributes)) if (localName(key) === name) return value;
  return undefined;
}

/**
 * Reads XML as it comes. Entities that a document declares are not looked at, so that none can blow up. `isLoose`: what is
 * left open at the end is closed; else it is damage.
 */
export async function readXml(
  reading: Reading,
  part: string,
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  events: XmlEvents,
  isLoose: boolean = false,
): Promise<void> {
  let depth = 0;
  let isCut = false;
  let isJustOpened = false;
  const parser = new Parser(
    {
      onopentag(name, attributes) {
        depth += 1;
        isJustOpened = true;
        reading.depth(depth);
        events.open?.(localName(name), attributes);
      },
      ontext(text) {
        isJustOpened = false;
        events.text?.(text);
      },
      onclosetag(name, isImplied) {
        depth -= 1;
        // A tag that closes itself is told as implied, too.
        isCut ||= isImplied && !isJustOpened;
        isJustOpened = false;
        events.close?.(localName(name));
      },
    },
    { xmlMode: true },
  );
  let decoder: InstanceType<typeof TextDecoder> | undefined;
  for await (const bytes of pieces) {
    decoder ??= new TextDecoder(xmlEncoding(bytes) ?? 'utf-8');
    parser.write(decoder.decode(bytes, { stream: true }));
    await reading.pause();
  }
  if (decoder !== undefined) parser.write(decoder.decode());
  isCut ||= decoder === undefined || depth > 0;
  parser.end();
  if (isCut) {
    if (!isLoose) throw damaged(reading.filename, part, 'is not whole');
    reading.warn(`${part} is not whole`);
  }
}

/** What the beginning of an XML document says about its encoding. */
export function xmlEncoding(bytes: Uint8Array): string | undefined {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf-16le';
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return 'utf-16be';
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, 200)).toString(
    'latin1',
  );
  const name = /^\s*<\?xml[^>]*?encoding\s*=\s*["']([\w.:-]+)["']/.exec(head)?.[1];
  return name === undefined ? undefined : labelOf(name);
}
