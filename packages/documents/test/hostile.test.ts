import { deflateRawSync } from 'node:zlib';
import { zipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { abortedAt, onLook } from '../../../tests/support/looks.ts';
import { growth, turnsOf } from '../../../tests/support/processor-time.ts';
import { documentsPlugin, parse } from '../src/index.ts';
import { archive, office, rels, xml } from './support/archive.ts';
import { collect } from './support/collect.ts';
import { DOCX, EPUB, PPTX, RTF, type Sample, SAMPLES, XLSX } from './support/samples.ts';

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const ARCHIVES: readonly Sample[] = [DOCX, XLSX, PPTX, EPUB];
const nobody = { title: '', author: '', created: '' };

function word(body: string): Uint8Array {
  return office('word/document.xml', { 'word/document.xml': body }, nobody);
}

describe('what cannot be read is told with the reason', () => {
  it.each(ARCHIVES)('$filename: other bytes, a cut end, a changed byte', async ({ filename, data }) => {
    await expect(parse({ filename, data: utf8('junk') })).rejects.toMatchObject({
      code: 'MV018',
      message: expect.stringContaining(filename),
      details: { reason: 'not_a_document' },
    });
    await expect(parse({ filename, data: archive({ 'a.txt': 'x' }) })).rejects.toMatchObject({
      code: 'MV018',
      details: { reason: 'not_a_document' },
    });
    await expect(parse({ filename, data: data.slice(0, data.length - 30) })).rejects.toMatchObject({
      code: 'MV012',
      suggestion: expect.stringContaining('copy'),
    });
  });

  it('an archive whose bytes do not have their checksum', async () => {
    const data = zipSync(
      { '[Content_Types].xml': utf8('x'), 'word/document.xml': utf8(xml('<w:document/>')) },
      { level: 0 },
    );
    const at = Buffer.from(data).indexOf('<w:document');
    data[at + 3] = 0x78;
    await expect(parse({ filename: 'a.docx', data })).rejects.toMatchObject({
      code: 'MV012',
      message: expect.stringContaining('checksum'),
    });
  });

  it('a part that is not whole, or missing', async () => {
    await expect(
      parse({ filename: 'a.docx', data: word(xml('<w:document><w:body><w:p>')) }),
    ).rejects.toMatchObject({
      code: 'MV012',
      details: { section: 'word/document.xml' },
    });
    const data = archive({
      '[Content_Types].xml': 'x',
      '_rels/.rels': rels({ a: ['officeDocument', 'word/none.xml'] }),
    });
    await expect(parse({ filename: 'a.docx', data })).rejects.toMatchObject({ code: 'MV012' });
  });

  it.each(['a.docx', 'a.xlsx', 'a.pptx'])(
    '%s with a password, or of an old program under a new name',
    async (filename) => {
      const compound = Buffer.from('d0cf11e0a1b11ae1', 'hex');
      const locked = Buffer.concat([compound, Buffer.alloc(600), Buffer.from('EncryptedPackage', 'utf16le')]);
      await expect(parse({ filename, data: locked })).rejects.toMatchObject({
        code: 'MV018',
        message: expect.stringContaining('encrypted'),
        details: { reason: 'encrypted' },
      });
      await expect(
        parse({ filename, data: Buffer.concat([compound, Buffer.alloc(600)]) }),
      ).rejects.toMatchObject({
        code: 'MV018',
        details: { reason: 'legacy_format' },
      });
    },
  );

  it.each(['doc', 'xls', 'ppt'])('.%s says what to save it as', async (ending) => {
    await expect(parse({ filename: `old.${ending}`, data: utf8('x') })).rejects.toMatchObject({
      code: 'MV018',
      suggestion: expect.stringContaining(`.${ending}x`),
    });
  });

  it('an RTF file that ends in the middle, mail without a header, and a book with a lock', async () => {
    const cut = RTF.data.slice(0, RTF.data.length - 5);
    await expect(parse({ filename: 'a.rtf', data: cut })).rejects.toMatchObject({ code: 'MV012' });
    await expect(parse({ filename: 'a.eml', data: utf8('\n\nno header') })).rejects.toMatchObject({
      code: 'MV018',
    });
    const book = archive({
      'META-INF/container.xml': xml(
        '<container><rootfiles><rootfile full-path="a.opf"/></rootfiles></container>',
      ),
      'META-INF/encryption.xml': xml('<encryption><CipherReference URI="one.xhtml"/></encryption>'),
      'a.opf': xml(
        '<package><manifest><item id="1" href="one.xhtml" media-type="application/xhtml+xml"/></manifest><spine><itemref idref="1"/></spine></package>',
      ),
      'one.xhtml': 'locked',
    });
    await expect(parse({ filename: 'a.epub', data: book })).rejects.toMatchObject({
      details: { reason: 'encrypted' },
    });
  });

  it('a type that nobody reads, a file that is not there, and options that do not fit', async () => {
    await expect(parse({ filename: 'a.png', data: utf8('x') })).rejects.toMatchObject({
      code: 'MV018',
      message: expect.stringMatching(/\.docx.*\.epub/),
    });
    await expect(parse('./none/here.docx')).rejects.toMatchObject({
      code: 'MV013',
      details: { path: './none/here.docx' },
    });
    await expect(parse(import.meta.dirname.concat('.txt/..'))).rejects.toMatchObject({ code: /MV01[389]/ });
    await expect(parse(import.meta.dirname)).rejects.toMatchObject({
      code: 'MV019',
      message: expect.stringContaining('not of a folder'),
    });
    for (const source of [5, null, undefined]) {
      await expect(parse(source as never)).rejects.toMatchObject({
        code: 'MV019',
        details: { argument: 'source', expected: 'the path of a file, or an object { data, filename }' },
      });
    }
    for (const source of [`${'x'.repeat(100_000)}.txt`, { data: utf8('x'), filename: 'x'.repeat(100_000) }]) {
      const failure = await parse(source).catch((error: unknown) => error as Error);
      expect(failure).toMatchObject({ code: 'MV019' });
      expect(JSON.stringify(failure).length).toBeLessThan(1000);
    }
    for (const options of [
      { maxItems: 0 },
      { maxBytes: -1 },
      { encoding: 'klingon' },
      { maxDepth: 1.5 },
      'x',
    ]) {
      await expect(parse({ filename: 'a.txt', data: utf8('x') }, options as object)).rejects.toMatchObject({
        code: 'MV019',
      });
    }
    expect(() => documentsPlugin({ maxCells: Number.NaN })).toThrow(
      expect.objectContaining({ code: 'MV019' }),
    );
    await expect(parse({ filename: 'a.txt', data: 'text' as never })).rejects.toMatchObject({
      code: 'MV019',
    });
    await expect(parse({ filename: 'a.txt', data: utf8('x') }, { ocr: true })).rejects.toMatchObject({
      code: 'MV018',
    });
  });
});

describe('small files that become huge are refused', () => {
  const refused = async (
    data: Uint8Array,
    filename: string,
    options: object,
    limit: string,
  ): Promise<void> => {
    await expect(parse({ filename, data }, options)).rejects.toMatchObject({
      code: 'MV018',
      details: { reason: 'too_large', limit },
      suggestion: expect.stringContaining(limit),
    });
  };

  it('a part that unpacks into more than may be unpacked, and one that lies about its size', async () => {
    const bomb = word(xml(`<w:document>${' '.repeat(5_000_000)}</w:document>`));
    expect(bomb.length).toBeLessThan(20_000);
    await refused(bomb, 'a.docx', { maxUnpackedBytes: 1_000_000 }, 'maxUnpackedBytes');
    // The directory says 100 bytes; there are five million.
    const lying = Buffer.from(bomb);
    const name = Buffer.from('word/document.xml');
    const directory = lying.lastIndexOf(name) - 46;
    lying.writeUInt32LE(100, directory + 24);
    await expect(parse({ filename: 'a.docx', data: lying })).rejects.toMatchObject({ code: 'MV012' });
  });

  const book = (chapter: string): Uint8Array =>
    archive({
      'META-INF/container.xml': xml(
        '<container><rootfiles><rootfile full-path="a.opf"/></rootfiles></container>',
      ),
      'a.opf': xml(
        '<package><manifest><item id="1" href="1.xhtml" media-type="application/xhtml+xml"/></manifest><spine><itemref idref="1"/></spine></package>',
      ),
      '1.xhtml': chapter,
    });

  it('a chapter that unpacks into more than memory is to hold', async () => {
    const data = book(`<html><body>${' '.repeat(50_000_000)}</body></html>`);
    const held = (): number => {
      collect();
      return process.memoryUsage().arrayBuffers;
    };
    const before = held();
    const more: number[] = [];
    const { signal } = new AbortController();
    onLook(signal, (looks) => {
      if (looks % 300 === 0) more.push(held() - before);
    });
    await refused(data, 'a.epub', { maxUnpackedBytes: 49_000_000, signal }, 'maxUnpackedBytes');
    expect(more.length).toBeGreaterThan(5);
    expect(Math.max(...more)).toBeLessThan(20_000_000);
    const long = book(`<html><body><pre>${'x'.repeat(3_000_000)}</pre></body></html>`);
    await refused(long, 'a.epub', { maxCharacters: 1_000_000 }, 'maxCharacters');
  }, 60_000);

  it('a large chapter keeps its characters where it is cut into pieces', async () => {
    const words = 'Grüße €😀 '.repeat(500_000);
    const { text } = await parse({ filename: 'a.epub', data: book(`<html><body>${words}</body></html>`) });
    expect(text).toBe(words.trim());
  }, 60_000);

  it('messages in messages are followed ten deep, and the rest is named', async () => {
    const nested = (levels: number, how: string): Uint8Array =>
      utf8(
        `Subject: x\r\n${`Content-Type: message/rfc822\r\n${how}\r\n`.repeat(levels)}Content-Type: text/plain\r\n\r\nthe last words`,
      );
    for (const how of ['', 'Content-Disposition: inline\r\n', 'Content-Disposition: attachment\r\n']) {
      const near = await parse({ filename: 'a.eml', data: nested(10, how) });
      expect([near.text, near.warnings]).toEqual(['Subject: x\n\nthe last words', []]);
      const far = await parse({ filename: 'a.eml', data: nested(1000, how) });
      expect(far.text).not.toContain('the last words');
      expect(far.warnings).toEqual([expect.stringContaining('not read')]);
    }
  }, 60_000);

  it('a text that is told a million times', async () => {
    const cells = '<c t="s"><v>0</v></c>'.repeat(20_000);
    const data = office(
      'xl/workbook.xml',
      {
        'xl/workbook.xml': xml(
          '<workbook xmlns:r="r"><sheets><sheet name="A" sheetId="1" r:id="r1"/></sheets></workbook>',
        ),
        'xl/_rels/workbook.xml.rels': rels({ r1: ['worksheet', 'a.xml'], r2: ['sharedStrings', 's.xml'] }),
        'xl/s.xml': xml(`<sst><si><t>${'x'.repeat(10_000)}</t></si></sst>`),
        'xl/a.xml': xml(`<worksheet><sheetData><row>${cells}</row></sheetData></worksheet>`),
      },
      nobody,
    );
    expect(data.length).toBeLessThan(10_000);
    await refused(data, 'a.xlsx', {}, 'maxCharacters');
  });

  it('rows that begin at the right edge take no more room than others', async () => {
    const rows = '<row><c r="XFD1" t="str"><v>x</v></c></row>'.repeat(20_000);
    const data = office(
      'xl/workbook.xml',
      {
        'xl/workbook.xml': xml(
          '<workbook xmlns:r="r"><sheets><sheet name="A" sheetId="1" r:id="r1"/></sheets></workbook>',
        ),
        'xl/_rels/workbook.xml.rels': rels({ r1: ['worksheet', 'a.xml'] }),
        'xl/a.xml': xml(`<worksheet><sheetData>${rows}</sheetData></worksheet>`),
      },
      nobody,
    );
    const { text, tables } = await parse({ filename: 'a.xlsx', data });
    expect([text.length, tables[0]?.headers.length, tables[0]?.rows.length]).toEqual([39_999, 1, 19_999]);
  });

  it('long runs of the same take a time that grows with their length, not with its square', async () => {
    const blanks = (length: number): string => ' '.repeat(length);
    const run = (text: string): string => `<w:p><w:r><w:t xml:space="preserve">${text}</w:t></w:r></w:p>`;
    const documents: [string, (length: number) => string | Uint8Array][] = [
      [
        'a.html',
        (length) =>
          `<pre>${blanks(length)}x</pre><table><tr><td>${blanks(length)}\n${blanks(length)}x</td></tr></table>`,
      ],
      ['b.html', (length) => '<a'.repeat(length)],
      ['c.html', (length) => `<p>${'</b>'.repeat(length)}</p>`],
      ['a.xml', (length) => `<a>${'<a'.repeat(length)}`],
      ['b.xml', (length) => `<!DOCTYPE ${'['.repeat(length)}<a>x</a>`],
      ['a.md', (length) => `# ${blanks(length)}#${'#'.repeat(length)} x`],
      ['b.md', (length) => `---\ntitle: ${blanks(length)}x\n${'---x\n'.repeat(length / 5)}`],
      ['a.json', (length) => '\\'.repeat(length)],
      ['a.csv', (length) => '"'.repeat(length)],
      ['b.csv', (length) => `"a"b,`.repeat(length / 5)],
      ['a.rtf', (length) => String.raw`{\rtf1 ${String.raw`\'e9\b `.repeat(length / 8)}${blanks(length)}x}`],
      ['b.rtf', (length) => String.raw`{\rtf1 ${'{}'.repeat(length)}x}`],
      [
        'a.docx',
        (length) => word(xml(`<w:document><w:body>${run(`${blanks(length)}x`)}</w:body></w:document>`)),
      ],
      [
        'b.docx',
        (length) =>
          word(
            xml(
              `<w:document><w:p>${`<w:txbxContent>${run('x')}</w:txbxContent>`.repeat(length / 10)}</w:p></w:document>`,
            ),
          ),
      ],
      ['a.eml', (length) => `From: ${'a@b.c, '.repeat(length / 8)}\n\n${blanks(length)}x`],
      ['b.eml', (length) => `Subject: ${'=?utf-8?Q?a?= '.repeat(length / 16)}\n\nx`],
      [
        'c.eml',
        (length) => `Content-Type: multipart/mixed; boundary=b\n\n${'--b\n\nx\n'.repeat(length / 8)}`,
      ],
      ['a.txt', (length) => Buffer.from(`${'a\u00e9 '.repeat(length / 4)}`, 'latin1')],
    ];
    for (const [filename, contentOf] of documents) {
      const reading = (length: number) => {
        const content = contentOf(length);
        const data = typeof content === 'string' ? utf8(content) : content;
        return () =>
          parse({ filename, data }).catch((error: { code: string }) =>
            expect(error.code).toMatch(/^MV01[28]$/),
          );
      };
      const times = await growth(reading, 200_000);
      expect([filename, times]).toEqual([filename, expect.toSatisfy((most: number) => most < 3)]);
    }
  }, 120_000);

  it('elements in elements, groups in groups', async () => {
    const deep = 100_000;
    await refused(word(xml('<w:p>'.repeat(deep))), 'a.docx', {}, 'maxDepth');
    await refused(utf8('<div>'.repeat(deep)), 'a.html', {}, 'maxDepth');
    await refused(utf8('<a>'.repeat(deep)), 'a.xml', {}, 'maxDepth');
    await refused(utf8(String.raw`{\rtf1 ${'{'.repeat(deep)}`), 'a.rtf', {}, 'maxDepth');
    const boundaries = Array.from(
      { length: 2000 },
      (_, at) => `Content-Type: multipart/mixed; boundary="b${at}"\n\n--b${at}\n`,
    );
    await expect(
      parse({ filename: 'a.eml', data: utf8(`From: a@b.c\n${boundaries.join('')}`) }),
    ).rejects.toMatchObject({
      code: 'MV012',
    });
  });

  it('entities that a document declares are not replaced', async () => {
    const declared = Array.from(
      { length: 9 },
      (_, at) => `<!ENTITY l${at + 1} "${`&l${at};`.repeat(10)}">`,
    ).join('');
    const bomb = `<!DOCTYPE x [<!ENTITY l0 "lol">${declared}]><x>&l9;</x>`;
    const { text } = await parse({ filename: 'a.xml', data: utf8(bomb) });
    expect(text).toBe('&l9;');
    const outside = '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><x>&f;</x>';
    expect((await parse({ filename: 'a.xml', data: utf8(outside) })).text).toBe('&f;');
  });

  it('a file, and tables that are too large are left out with a word', async () => {
    await refused(utf8('x'.repeat(100)), 'a.txt', { maxBytes: 99 }, 'maxBytes');
    const csv = utf8('a,b\n'.repeat(100));
    const { tables, warnings, text } = await parse({ filename: 'a.csv', data: csv }, { maxCells: 50 });
    expect([tables, text.length]).toEqual([[], 400]);
    expect(warnings).toEqual([expect.stringContaining('table')]);
  });

  it('an archive of very many parts', async () => {
    const header = Buffer.alloc(46);
    header.writeUInt32LE(0x02014b50, 0);
    const count = 150_000;
    const directory = Buffer.alloc(46 * count);
    for (let at = 0; at < count; at += 1) header.copy(directory, at * 46);
    const tail = Buffer.alloc(22);
    tail.writeUInt32LE(0x06054b50, 0);
    tail.writeUInt16LE(0xffff, 8);
    tail.writeUInt16LE(0xfffe, 10);
    tail.writeUInt32LE(directory.length, 12);
    tail.writeUInt32LE(4, 16);
    const data = Buffer.concat([Buffer.from('PK\x03\x04'), directory, tail, deflateRawSync('')]);
    await expect(parse({ filename: 'a.docx', data })).rejects.toMatchObject({ code: /MV01[28]/ });
  });
});

describe('damage', () => {
  /** The same numbers in every run. */
  function* numbers(seed: number): Generator<number, never, undefined> {
    let state = seed;
    for (;;) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      yield state;
    }
  }

  it.each([...SAMPLES])(
    '$filename: changed bytes and cut ends give a document or a typed error',
    async (sample) => {
      const random = numbers(7);
      const next = (below: number): number => random.next().value % below;
      for (let round = 0; round < 60; round += 1) {
        const cut = round % 3 === 0 ? next(sample.data.length) : sample.data.length;
        const data = sample.data.slice(0, cut);
        for (let change = 0; data.length > 0 && change < 1 + (round % 4); change += 1) {
          data[next(data.length)] = next(256);
        }
        const outcome = await parse({ filename: sample.filename, data }).then(
          ({ text }) => typeof text,
          (error: { code: string }) => error.code,
        );
        expect(outcome).toMatch(/^(string|MV012|MV018)$/);
      }
    },
  );

  it.each([
    ['a.html', `<html><body>${'<p>words</p>'.repeat(200_000)}</body></html>`],
    ['a.xml', `<a>${'<b>words</b>'.repeat(200_000)}</a>`],
    ['a.csv', 'words,"and",numbers\n'.repeat(200_000)],
    ['a.rtf', String.raw`{\rtf1 ${String.raw`words\par `.repeat(200_000)}}`],
    ['a.eml', `From: a@b.c\nSubject: lines\n\n${'words\n'.repeat(200_000)}`],
  ])(
    '%s lets other work go on',
    async (filename, text) => {
      const data = utf8(text);
      let read = '';
      const { longest, whole } = await turnsOf(async () => {
        read = (await parse({ filename, data })).text;
      });
      // 50 ms are no wait for anybody.
      expect(longest).toBeLessThan(Math.max(50, whole / 2));
      expect(read.match(/words/g)?.length).toBe(200_000);
    },
    60_000,
  );

  it.each<[what: string, filename: string, data: () => Uint8Array, text: string, times: number]>([
    ['ends of lines of old programs', 'a.txt', () => utf8('ab\r'.repeat(1_500_000)), 'ab\n', 1_500_000],
    ['nothing but ends of lines', 'a.log', () => utf8('\r'.repeat(3_000_000)), '\n', 3_000_000],
    ['letters by their number', 'a.json', () => utf8('\\u00e9'.repeat(1_000_000)), 'é', 1_000_000],
    ['bytes that are no UTF-8', 'a.txt', () => Buffer.alloc(4_000_000, 0xff), 'ÿ', 4_000_000],
    ['one text of many lines', 'a.xml', () => utf8(`<a>${'x\r\n'.repeat(1_500_000)}</a>`), 'x ', 1_500_000],
    [
      'UTF-32',
      'a.txt',
      () =>
        Buffer.from(Uint32Array.from({ length: 2_000_001 }, (_, at) => (at === 0 ? 0xfeff : 0x1f600)).buffer),
      '😀',
      2_000_000,
    ],
    [
      'many headers',
      'a.eml',
      () => utf8(`Subject: x\n${'A: b\n'.repeat(300_000)}\nhi`),
      'Subject: x\n\nhi',
      1,
    ],
    [
      'many receivers',
      'a.eml',
      () => utf8(`To: ${'a@b.c, '.repeat(100_000)}d@e.f\n\nhi`),
      `To: ${'a@b.c, '.repeat(100_000)}d@e.f\n\nhi`,
      1,
    ],
  ])(
    '%s let other work go on',
    async (_, filename, made, text, times) => {
      const data = made();
      // Once, so that all of the code is there.
      await parse({ filename, data });
      let read = '';
      const { longest, whole } = await turnsOf(async () => {
        read = (await parse({ filename, data })).text;
      });
      expect(longest).toBeLessThan(Math.max(100, whole / 4));
      expect(read === text.repeat(times).trim() || read === text.repeat(times)).toBe(true);
    },
    60_000,
  );

  it('a message of many megabytes gives what a small one does, and is ended like one', async () => {
    const attachment = Buffer.alloc(3_000_000, 'pdf').toString('base64').replaceAll(/.{76}/g, '$&\n');
    const message = [
      'From: a@b.c',
      'Subject: Large',
      'Content-Type: multipart/mixed; boundary=b',
      '',
      '--b',
      '',
      'Words in front.',
      '--b',
      'Content-Type: message/rfc822',
      'Content-Disposition: attachment',
      '',
      'From: d@e.f',
      '',
      'Words within.',
      '--b',
      'Content-Type: application/pdf; name=plan.pdf',
      'Content-Transfer-Encoding: base64',
      '',
      attachment,
      '--b--',
    ].join('\n');
    const source = { filename: 'a.eml', data: utf8(message) };
    const { text } = await parse(source);
    expect(text).toBe(
      'From: a@b.c\nSubject: Large\nAttachments: plan.pdf (application/pdf)\n\nWords in front.\n\nFrom: d@e.f\n\nWords within.',
    );
    const stop = new AbortController();
    // As soon as somebody waits for it beside the thread that reads the message.
    const addEventListener = (...heard: Parameters<AbortSignal['addEventListener']>): void => {
      AbortSignal.prototype.addEventListener.apply(stop.signal, heard);
      stop.abort(new Error('enough'));
    };
    const parsing = parse(source, { signal: Object.assign(stop.signal, { addEventListener }) });
    await expect(parsing).rejects.toThrow('enough');
  });

  it('ends when its signal is aborted, with the reason of the signal', async () => {
    const data = utf8(`<html><body>${'<p>words</p>'.repeat(400_000)}</body></html>`);
    const stop = new AbortController();
    const parsing = parse({ filename: 'a.html', data }, { signal: stop.signal });
    setImmediate(() => stop.abort(new Error('enough')));
    await expect(parsing).rejects.toThrow('enough');
  });

  it.each(ARCHIVES)(
    '$filename: ends so wherever it has come, and is not told to be damaged',
    async (source) => {
      let isOver = false;
      for (let most = 1; !isOver; most += Math.ceil(most / 4)) {
        const signal = abortedAt(most, new Error('enough'));
        const parsing = parse(source, { signal });
        await parsing.catch((error: unknown) => expect(error).toEqual(new Error('enough')));
        isOver = !signal.aborted;
      }
    },
  );
});
