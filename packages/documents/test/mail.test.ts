import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create } from '@memvid/sdk';
import { afterAll, describe, expect, it } from 'vitest';
import { abortedAt } from '../../../tests/support/looks.ts';
import { documentsPlugin, parse } from '../src/index.ts';
import { DOCX, PDF, PPTX, XLSX } from './support/samples.ts';

const folder = mkdtempSync(join(tmpdir(), 'memvid-mail-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Part {
  readonly name?: string;
  readonly type?: string;
  readonly data: Uint8Array | string;
}

/** A message of a text and attachments. */
function mail(subject: string, parts: readonly Part[]): Uint8Array {
  const boundary = `b-${subject.replaceAll(/\W/g, '-')}`;
  const attached = parts.map(({ name, type = 'application/octet-stream', data }) =>
    [
      `--${boundary}`,
      `Content-Type: ${type}${name === undefined ? '' : `; name="${name}"`}`,
      `Content-Disposition: attachment${name === undefined ? '' : `; filename="${name}"`}`,
      'Content-Transfer-Encoding: base64',
      '',
      Buffer.from(data).toString('base64').replaceAll(/.{76}/g, '$&\r\n'),
    ].join('\r\n'),
  );
  return Buffer.from(
    [
      'From: ann@example.com',
      `Subject: ${subject}`,
      'MIME-Version: 1.0',
      `Content-Type: multipart/mixed; boundary="${boundary}"`,
      '',
      `--${boundary}`,
      'Content-Type: text/plain',
      '',
      `Words of ${subject}.`,
      ...attached,
      `--${boundary}--`,
      '',
    ].join('\r\n'),
  );
}

const sample = ({ filename, data }: { filename: string; data: Uint8Array }): Part => ({
  name: filename,
  data,
});
const read = (data: Uint8Array, options = {}) => parse({ filename: 'mail.eml', data }, options);

describe('what is attached to mail', () => {
  it('is a page for each of its pages, under the name of its file', async () => {
    const { text, unit, pages, tables, warnings, title } = await read(
      mail('Papers', [
        sample(PDF),
        sample(DOCX),
        sample(XLSX),
        sample(PPTX),
        { name: 'a.txt', data: 'plain words' },
      ]),
    );
    expect(title).toBe('Papers');
    expect(unit).toBe('page');
    expect(pages.map(({ number }) => number)).toEqual(pages.map((_, at) => at + 1));
    const titles = pages.map((page) => page.title);
    expect(titles.slice(0, 3)).toEqual([undefined, 'tides.pdf [Page 1]', 'tides.pdf [Page 3]']);
    expect(titles).toContain(DOCX.filename);
    expect(titles.filter((each) => each?.includes('[Sheet: ')).length).toBeGreaterThan(1);
    expect(titles.filter((each) => each?.includes('[Slide ')).length).toBeGreaterThan(1);
    expect(titles.at(-1)).toBe('a.txt');
    expect(pages[0]?.text).toContain('Attachments: tides.pdf');
    for (const { sentences } of [PDF, DOCX, XLSX, PPTX]) {
      for (const sentence of sentences) expect(text).toContain(sentence);
    }
    expect(text).toContain('plain words');
    expect(tables.length).toBeGreaterThan(0);
    for (const { page, headers } of tables) {
      expect(pages[page - 1]?.text).toContain(headers.find((header) => header !== ''));
    }
    expect(warnings.every((warning) => warning.startsWith('attachment '))).toBe(true);
  });

  it('is found with the message, and told by its name', async () => {
    const path = join(folder, 'mail.eml');
    writeFileSync(path, mail('Tides', [sample(PDF), { name: 'gone.bin', data: 'xx' }]));
    await using memory = await create(join(folder, 'mail.mv2'), { plugins: [documentsPlugin()] });
    expect(await memory.putFile(path)).toEqual({
      framesAdded: 3,
      type: 'eml',
      filename: 'mail.eml',
      warnings: ['attachments are named, and not read: gone.bin (application/octet-stream)'],
    });
    const [hit] = (await memory.find('"Low water follows at noon"')).hits;
    expect(hit).toMatchObject({
      title: 'mail.eml [Page 3]',
      metadata: {
        doc_name: 'mail.eml',
        doc_title: 'Tides',
        page_title: 'tides.pdf [Page 3]',
        total_pages: 3,
      },
    });
    await memory.put({ file: path, uri: 'mv2://files/whole' });
    const whole = (await memory.find('"Low water follows at noon"', { where: { uri: 'mv2://files/whole' } }))
      .hits;
    expect(whole).toHaveLength(1);
  });

  it('goes by its media type where its name does not tell, and stays one page without any', async () => {
    const html = { type: 'text/html', name: 'report', data: '<p>Ships <b>enter</b></p>' };
    const { pages } = await read(mail('One', [html, { type: 'application/pdf', data: PDF.data }]));
    expect(pages.map(({ title }) => title)).toEqual([
      undefined,
      'report',
      'unnamed [Page 1]',
      'unnamed [Page 3]',
    ]);
    expect(pages[1]?.text).toBe('Ships enter');
    const bare = await read(mail('Two', [{ name: 'a.zip', data: 'zz' }]));
    expect(bare).toMatchObject({ pages: [{ number: 1 }], totalItems: 1 });
    expect(bare).not.toHaveProperty('unit');
  });

  it('is read in messages that are attached, whatever their type', async () => {
    const inner = mail('Inner', [sample(DOCX)]);
    for (const type of ['message/rfc822', 'application/octet-stream']) {
      const { pages, warnings } = await read(mail('Outer', [{ name: 'inner.eml', type, data: inner }]));
      expect(pages.map(({ title }) => title)).toEqual([undefined, DOCX.filename]);
      expect(pages[0]?.text).toContain('Words of Outer.');
      expect(pages[0]?.text).toContain('Words of Inner.');
      expect(warnings.filter((warning) => warning.includes('not read'))).toEqual([]);
    }
  });

  it('is a warning when it is bad, and takes nothing from the others', async () => {
    const { text, pages, warnings } = await read(
      mail('Bad', [
        { name: 'junk.docx', data: 'no document' },
        { name: 'cut.pdf', data: PDF.data.subarray(0, 40) },
        { name: 'old.doc', data: 'old' },
        { name: 'blank.txt', data: '  ' },
        {
          name: 'broken.eml',
          data: `From: a@b.c\n${'Content-Type: multipart/mixed; boundary="b"\n\n--b\n'.repeat(2000)}`,
        },
        sample(XLSX),
      ]),
    );
    for (const sentence of XLSX.sentences) expect(text).toContain(sentence);
    expect(pages[0]?.text).toContain('Words of Bad.');
    for (const name of ['junk.docx', 'cut.pdf', 'old.doc']) {
      expect(warnings).toContainEqual(expect.stringMatching(`^attachment ${name} is not read: `));
    }
    expect(warnings).toContain('attachment blank.txt: there is no text in it');
  });

  it('comes back from the thread that reads large messages', async () => {
    const words = Array.from({ length: 30_000 }, (_, n) => `word${n}`).join(' ');
    const { pages } = await read(mail('Large', [{ name: 'large.txt', data: words }, sample(PDF)]));
    expect(pages.map(({ title }) => title)).toEqual([
      undefined,
      'large.txt',
      'tides.pdf [Page 1]',
      'tides.pdf [Page 3]',
    ]);
    expect(pages[1]?.text).toBe(words);
  });

  it('counts against the limits of the message', async () => {
    const long = (letter: string): Part => ({ name: `${letter}.txt`, data: letter.repeat(400) });
    const { pages, warnings } = await read(
      mail('Limits', [long('a'), long('b'), { name: 'c.txt', data: 'short' }]),
      {
        maxCharacters: 600,
      },
    );
    expect(pages.map(({ title }) => title)).toEqual([undefined, 'a.txt', 'c.txt']);
    expect(warnings).toEqual([expect.stringMatching(/^attachment b\.txt is not read: .*characters/)]);
    const few = await read(mail('Few', [sample(PDF), sample(XLSX)]), { maxItems: 2 });
    expect(few.pages.map(({ title }) => title)).toEqual([undefined, 'tides.pdf [Page 1]']);
    const many = Array.from({ length: 105 }, (_, n) => ({ name: `${n}.txt`, data: `number ${n}` }));
    const crowd = await read(mail('Many', many));
    expect(crowd.pages).toHaveLength(101);
    expect(crowd.warnings).toEqual(['no more than 100 attachments are read; 5 are left out']);
  });

  it('is followed to a depth of ten messages in messages', async () => {
    let message = mail('Last', [{ name: 'a.txt', data: 'the last words' }]);
    for (let depth = 0; depth < 10; depth += 1) {
      message = mail(`Depth ${depth}`, [{ name: 'm.eml', type: 'message/rfc822', data: message }]);
    }
    expect((await read(message)).text).toContain('the last words');
    const deeper = await read(mail('Deeper', [{ name: 'm.eml', type: 'message/rfc822', data: message }]));
    expect(deeper.text).not.toContain('the last words');
    expect(deeper.warnings).toEqual(['attachments are named, and not read: m.eml (message/rfc822)']);
  });

  it('ends with its signal', async () => {
    const html = `<p>${'<i>words</i> '.repeat(300_000)}</p>`;
    // It is looked at with each 64 kB of what is attached.
    const signal = abortedAt(20, new Error('enough'));
    const reading = read(mail('Slow', [{ name: 'slow.html', data: html }]), { signal });
    await expect(reading).rejects.toThrow('enough');
  });
});

describe('texts of mail that are not in what the message says', () => {
  const words = 'Grüße aus Köln, Straße und Übung — 日本語のテキスト';
  const message = (type: string, body: Uint8Array, rest = ''): Uint8Array =>
    Buffer.concat([Buffer.from(`From: a@b.c\nSubject: s\n${type}\n${rest}\n`), body]);
  const bodyOf = async (data: Uint8Array) => {
    const { text, warnings } = await read(data);
    return [text.split('\n').at(-1), warnings];
  };

  it.each(['x-evil-999', 'unknown-8bit', 'us-ascii', 'iso-8859-1', 'utf8mb4', 'utf-7', 'shift_jis'])(
    'are UTF-8 where their bytes are, and not %s: a warning says so',
    async (charset) => {
      const said = [`the message says that it is in ${charset}; read as utf-8`];
      const header = `Content-Type: text/plain; charset=${charset}`;
      expect(await bodyOf(message(header, Buffer.from(words)))).toEqual([words, said]);
      const html = `Content-Type: text/html; charset=${charset}`;
      expect(await bodyOf(message(html, Buffer.from(`<p>${words}</p>`)))).toEqual([words, said]);
      const base64 = Buffer.from(Buffer.from(words).toString('base64'));
      expect(await bodyOf(message(header, base64, 'Content-Transfer-Encoding: base64\n'))).toEqual([
        words,
        said,
      ]);
      // So large a message goes to a thread.
      const large = Buffer.from(`${'x'.repeat(150_000)}\n${words}`);
      expect(await bodyOf(message(header, large))).toEqual([words, said]);
    },
  );

  it('are UTF-8 without a warning where nothing says what they are', async () => {
    for (const header of ['Content-Type: text/plain', 'X-a: b', 'Content-Type: text/plain; charset=""']) {
      expect(await bodyOf(message(header, Buffer.from(words)))).toEqual([words, []]);
    }
  });

  it('are what the message says where they can be, by the names that programs use', async () => {
    for (const [charset, bytes, text] of [
      ['iso-8859-1', [0x47, 0x72, 0xfc, 0xdf, 0x65], 'Grüße'],
      ['CP932', [0x93, 0xfa, 0x96, 0x7b], '日本'],
      ['x-euc_jp', [0xc6, 0xfc, 0xcb, 0xdc], '日本'],
    ] as const) {
      const header = `Content-Type: text/plain; charset=${charset}`;
      expect(await bodyOf(message(header, Uint8Array.from(bytes)))).toEqual([text, []]);
    }
  });

  it('are guessed where nothing that is known says it, and a warning says so', async () => {
    const russian = Uint8Array.from([0xcf, 0xf0, 0xe8, 0xe2, 0xe5, 0xf2, 0x2c, 0x20, 0xec, 0xe8, 0xf0]);
    expect(await bodyOf(message('X-a: b', russian))).toEqual([
      'Привет, мир',
      ['read as windows-1251, which nothing in the message says'],
    ]);
    expect(await bodyOf(message('Content-Type: text/plain; charset=x-evil', russian))).toEqual([
      'Привет, мир',
      ['the message says that it is in x-evil; read as windows-1251'],
    ]);
  });
});
