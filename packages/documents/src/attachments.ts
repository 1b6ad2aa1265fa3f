import type { DocumentPage } from '@memvid/core';
import type { Attachment } from 'postal-mime';
import { type Kind, KINDS } from './kinds.js';
import type { Reading } from './reading.js';

/** Most attachments of a message, with those of the messages in it, that are read. */
const MOST_READ = 100;

/** What mail can hold and has a reader; by ending, and by media type where a name has none that is known. */
const BY_TYPE: ReadonlyMap<string, Kind> = new Map(
  Object.values(KINDS)
    .toReversed()
    .flatMap((kind) => kind.mimeTypes.map((mimeType) => [mimeType, kind])),
);

/** How an attachment is read; `undefined`: nobody here reads such files. */
export function kindOfAttachment({
  filename,
  mimeType,
}: Pick<Attachment, 'filename' | 'mimeType'>): Kind | undefined {
  const ending = /\.([^.]+)$/.exec(filename ?? '')?.[1]?.toLowerCase() ?? '';
  return (Object.hasOwn(KINDS, ending) ? KINDS[ending] : undefined) ?? BY_TYPE.get(mimeType.toLowerCase());
}

/** A file in a message, with what it is called there. */
export interface AttachedFile {
  readonly name: string;
  readonly kind: Kind;
  readonly data: Uint8Array;
}

/**
 * The pages of attached files, each under the name of its file, behind `number` pages that are there. They count against
 * the limits of the message. One that cannot be read is a warning, and takes nothing from the others.
 */
export async function pagesOfFiles(
  reading: Reading,
  files: readonly AttachedFile[],
  number: number,
): Promise<DocumentPage[]> {
  const pages: DocumentPage[] = [];
  for (const [index, { name, kind, data }] of files.entries()) {
    const room = reading.maxPages - number - pages.length;
    if (room < 1) break;
    if (index >= MOST_READ) {
      reading.warn(`no more than ${MOST_READ} attachments are read; ${files.length - index} are left out`);
      break;
    }
    await reading.pause();
    const inner = reading.within({ filename: name, data }, room);
    try {
      const { read } = await kind.load();
      const draft = await read(inner);
      const filled = draft.pages.filter(({ text }) => text.trim() !== '');
      if (filled.length === 0) reading.warn(`attachment ${name}: there is no text in it`);
      const numbers = new Map<number, number>();
      for (const page of filled) {
        const own = number + pages.length + 1;
        numbers.set(page.number, own);
        pages.push({ number: own, title: `${name}${placeOf(draft.unit, page)}`, text: page.text });
      }
      reading.take(inner, numbers);
    } catch (error) {
      reading.signal?.throwIfAborted();
      reading.spent(inner);
      reading.warn(
        `attachment ${name} is not read: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
    for (const warning of inner.warnings) reading.warn(`attachment ${name}: ${warning}`);
  }
  return pages;
}

function placeOf(unit: 'page' | 'sheet' | 'slide' | 'chapter' | undefined, page: DocumentPage): string {
  if (unit === undefined) return '';
  if (unit === 'sheet') return ` [Sheet: ${page.name ?? page.number}]`;
  return ` [${unit[0]?.toUpperCase()}${unit.slice(1)} ${page.number}]`;
}
