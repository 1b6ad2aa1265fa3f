import { crc32 } from 'node:zlib';
import { MemvidError } from '@memvid/core';
import { type Entry, fromBufferPromise, type ZipFile } from 'yauzl';
import { damaged, encrypted, legacy, notADocument } from './failures.js';
import type { Reading } from './reading.js';

/** More entries than any document has. */
const MOST_ENTRIES = 100_000;
const LOCAL_HEADER = [0x50, 0x4b, 0x03, 0x04];
const COMPOUND_FILE = [0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1];

function begins(data: Uint8Array, bytes: readonly number[]): boolean {
  return bytes.every((byte, at) => data[at] === byte);
}

/** The parts of a document that is a ZIP archive. Nothing is unpacked before it is read, and never all at once. */
export class Archive {
  readonly #reading: Reading;
  readonly #zip: ZipFile;
  readonly #entries: ReadonlyMap<string, Entry>;
  /** By their names in lower case. */
  readonly #folded: ReadonlyMap<string, Entry>;

  private constructor(reading: Reading, zip: ZipFile, entries: ReadonlyMap<string, Entry>) {
    this.#reading = reading;
    this.#zip = zip;
    this.#entries = entries;
    this.#folded = new Map([...entries].map(([name, entry]) => [name.toLowerCase(), entry]));
  }

  /** `kind`: for messages, `older`: what a document of this kind was before it was an archive. */
  static async open(
    reading: Reading,
    kind: string,
    older?: { readonly program: string; readonly instead: string },
  ): Promise<Archive> {
    const { data, filename } = reading;
    if (begins(data, COMPOUND_FILE)) {
      // Encrypted documents of Office are in such a file, and so are those of the formats before.
      const isEncrypted = Buffer.from(data.buffer, data.byteOffset, data.byteLength).includes(
        Buffer.from('EncryptedPackage', 'utf16le'),
      );
      if (isEncrypted) throw encrypted(filename);
      if (older !== undefined) throw legacy(filename, older.program, older.instead);
    }
    if (!begins(data, LOCAL_HEADER)) throw notADocument(filename, kind, 'it is not a ZIP archive');
    const entries = new Map<string, Entry>();
    try {
      const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
      const zip = await fromBufferPromise(bytes, { lazyEntries: true, autoClose: false });
      if (zip.entryCount > MOST_ENTRIES) throw new Error(`${zip.entryCount} entries`);
      for await (const entry of zip.eachEntry()) {
        if (!entries.has(entry.fileName)) entries.set(entry.fileName, entry);
        await reading.pause();
      }
      return new Archive(reading, zip, entries);
    } catch (error) {
      // An ended reading says nothing about the file.
      reading.signal?.throwIfAborted();
      throw damaged(filename, 'its list of parts', `cannot be read (${messageOf(error)})`, error);
    }
  }

  has(name: string): boolean {
    return this.#entry(name) !== undefined;
  }

  /** The bytes of a part, piece by piece, checked at the end. A part that is not there is an error. */
  async *bytes(name: string): AsyncGenerator<Uint8Array, void, undefined> {
    const { filename } = this.#reading;
    const entry = this.#entry(name);
    if (entry === undefined) throw damaged(filename, name, 'is missing');
    if (entry.isEncrypted()) throw encrypted(filename);
    let sum = 0;
    try {
      for await (const piece of await this.#zip.openReadStreamPromise(entry)) {
        const bytes = piece as Uint8Array;
        sum = crc32(bytes, sum);
        this.#reading.unpacked(bytes.length);
        await this.#reading.pause();
        yield bytes;
      }
    } catch (error) {
      this.#reading.signal?.throwIfAborted();
      if (MemvidError.isMemvidError(error)) throw error;
      throw damaged(filename, name, `cannot be unpacked (${messageOf(error)})`, error);
    }
    if (sum !== entry.crc32) throw damaged(filename, name, 'does not have its checksum');
  }

  /** Names are compared as they stand, and then without regard to case, as Office does. */
  #entry(name: string): Entry | undefined {
    return this.#entries.get(name) ?? this.#folded.get(name.toLowerCase());
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
