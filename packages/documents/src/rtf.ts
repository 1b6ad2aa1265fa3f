import { labelOf } from './encoding-label.js';
import { damaged, notADocument } from './failures.js';
import { Paragraphs } from './paragraphs.js';
import type { Draft, Reading } from './reading.js';

/** Groups that say nothing: fonts, colours, pictures, instructions. */
const SILENT: ReadonlySet<string> = new Set([
  'fonttbl',
  'colortbl',
  'stylesheet',
  'listtable',
  'listoverridetable',
  'rsidtbl',
  'revtbl',
  'generator',
  'pict',
  'objdata',
  'objclass',
  'fldinst',
  'datafield',
  'themedata',
  'colorschememapping',
  'latentstyles',
  'datastore',
  'xmlnstbl',
  'filetbl',
  'bkmkstart',
  'bkmkend',
  'pntext',
  'pntxta',
  'pntxtb',
  'listtext',
  'nonshppict',
  'template',
  'userprops',
  'docvar',
  'info',
  'sn',
  'sv',
  'shprslt',
]);

/** Text that stands apart from the paragraph it is written in. */
const BOXES: ReadonlySet<string> = new Set([
  'footnote',
  'annotation',
  'shptxt',
  'header',
  'headerl',
  'headerr',
  'headerf',
  'footer',
  'footerl',
  'footerr',
  'footerf',
]);

/** Destinations that a reader who does not know them would pass over, and that hold text all the same. */
const SAID: ReadonlySet<string> = new Set([...BOXES, 'shp', 'shpinst', 'nesttableprops', 'ud']);

/** Words that stand for one character. */
const CHARACTERS: Readonly<Record<string, string>> = {
  tab: '\t',
  line: '\n',
  lbr: '\n',
  softline: '\n',
  emdash: '—',
  endash: '–',
  emspace: ' ',
  enspace: ' ',
  qmspace: ' ',
  bullet: '•',
  lquote: '‘',
  rquote: '’',
  ldblquote: '“',
  rdblquote: '”',
  zwj: '\u200d',
  zwnj: '\u200c',
};

/** Encodings by the number of a font's set of characters; 0 and 1 are that of the document. */
const CHARSETS: Readonly<Record<number, string>> = {
  77: 'macintosh',
  128: 'shift_jis',
  129: 'euc-kr',
  134: 'gbk',
  136: 'big5',
  161: 'windows-1253',
  162: 'windows-1254',
  163: 'windows-1258',
  177: 'windows-1255',
  178: 'windows-1256',
  186: 'windows-1257',
  204: 'windows-1251',
  222: 'windows-874',
  238: 'windows-1250',
};

function encodingOfCodePage(page: number): string | undefined {
  const names: Readonly<Record<number, string>> = {
    437: 'ibm437',
    850: 'windows-1252',
    874: 'windows-874',
    932: 'shift_jis',
    936: 'gbk',
    949: 'euc-kr',
    950: 'big5',
    10000: 'macintosh',
    65001: 'utf-8',
  };
  return labelOf(names[page] ?? `windows-${page}`);
}

/** What holds within one pair of braces. */
interface Group {
  isSilent: boolean;
  /** Whether the group is one that may be passed over by who does not know it. */
  isOptional: boolean;
  /** `title`, `author`, `creatim` within the properties of the document; `fonttbl`; `box`. */
  destination: string;
  font: number;
  /** How many characters stand behind `\u` for readers that know no Unicode. */
  skip: number;
  /** What held where the same text begins twice, as bytes and as Unicode. */
  outer?: Pick<Group, 'isSilent' | 'destination'>;
}

/** How much is read in one go. */
const PIECE = 1 << 16;

/** Rich Text Format. */
export async function read(reading: Reading): Promise<Draft> {
  const head = Buffer.from(reading.data.subarray(0, 16)).toString('latin1');
  if (!/^\s*\{\\rtf/.test(head)) throw notADocument(reading.filename, 'RTF', 'it does not begin with {\\rtf');
  return new RtfReader(reading).read();
}

class RtfReader {
  readonly #reading: Reading;
  readonly #source: string;
  readonly #paragraphs: Paragraphs;
  readonly #groups: Group[] = [];
  readonly #fonts = new Map<number, string>();
  readonly #decoders = new Map<string, InstanceType<typeof TextDecoder>>();
  readonly #said = new Map<string, string>();
  readonly #date = new Map<string, number>();
  #group: Group = { isSilent: false, isOptional: false, destination: '', font: -1, skip: 1 };
  #encoding = 'windows-1252';
  #defaultFont = -1;
  /** Bytes of one encoding that come one by one: characters may take several. */
  #bytes: number[] = [];
  /** Characters still to be passed over behind a `\u`. */
  #toSkip = 0;
  /** Whether the paragraph is one of a table, a table is open, and a row of it. */
  #inTable = false;
  #hasTable = false;
  #inRow = false;
  #at = 0;

  constructor(reading: Reading) {
    this.#reading = reading;
    this.#source = Buffer.from(
      reading.data.buffer,
      reading.data.byteOffset,
      reading.data.byteLength,
    ).toString('latin1');
    this.#paragraphs = new Paragraphs(reading, 1);
  }

  async read(): Promise<Draft> {
    const source = this.#source;
    let next = PIECE;
    while (this.#at < source.length) {
      if (this.#at >= next) {
        await this.#reading.pause();
        next = this.#at + PIECE;
      }
      this.#step(source);
      if (this.#groups.length === 0) break;
    }
    this.#flush();
    if (this.#groups.length > 0) throw damaged(this.#reading.filename, 'the document', 'ends in the middle');
    this.#endTable();
    return {
      title: this.#said.get('title'),
      author: this.#said.get('author'),
      created: this.#created(),
      pages: [{ number: 1, text: this.#paragraphs.text() }],
    };
  }

  #step(source: string): void {
    const character = source[this.#at] ?? '';
    switch (character) {
      case '{':
        this.#flush();
        this.#at += 1;
        this.#groups.push(this.#group);
        this.#reading.depth(this.#groups.length);
        this.#group = { ...this.#group, isOptional: false };
        this.#toSkip = 0;
        break;
      case '}': {
        this.#flush();
        this.#at += 1;
        const closing = this.#group.destination;
        this.#group = this.#groups.pop() ?? this.#group;
        if (closing === 'box' && this.#group.destination !== 'box') this.#paragraphs.closeBox();
        this.#toSkip = 0;
        break;
      }
      case '\\':
        this.#control(source);
        break;
      case '\r':
      case '\n':
        this.#at += 1;
        break;
      default: {
        const end = endOfText(source, this.#at);
        for (let at = this.#at; at < end; at += 1) this.#byte(source.charCodeAt(at));
        this.#at = end;
      }
    }
  }

  #control(source: string): void {
    const sign = source[this.#at + 1] ?? '';
    if (sign === "'") {
      const code = Number.parseInt(source.slice(this.#at + 2, this.#at + 4), 16);
      this.#at += 4;
      if (!Number.isNaN(code)) this.#byte(code);
      return;
    }
    if (!/[a-zA-Z]/.test(sign)) {
      this.#at += 2;
      this.#symbol(sign);
      return;
    }
    WORD.lastIndex = this.#at + 1;
    const [whole = sign, name = sign, digits] = WORD.exec(source) ?? [];
    this.#at += 1 + whole.length;
    this.#word(name, digits === undefined ? undefined : Number(digits));
  }

  #symbol(sign: string): void {
    if (sign === '*') {
      this.#group.isOptional = true;
      return;
    }
    if (this.#skipped()) return;
    this.#flush();
    if (sign === '\\' || sign === '{' || sign === '}') this.#add(sign);
    else if (sign === '~') this.#add('\u00a0');
    else if (sign === '_') this.#add('-');
    else if (sign === '\n' || sign === '\r') this.#endParagraph();
  }

  #word(name: string, value: number | undefined): void {
    if (name === 'u' && value !== undefined) {
      this.#flush();
      this.#add(String.fromCharCode(value < 0 ? value + 65_536 : value));
      this.#toSkip = this.#group.skip;
      return;
    }
    if (name === 'bin') {
      this.#at += Math.max(0, value ?? 0);
      return;
    }
    const character = Object.hasOwn(CHARACTERS, name) ? CHARACTERS[name] : undefined;
    if (character !== undefined) {
      if (this.#skipped()) return;
      this.#flush();
      this.#add(character);
      return;
    }
    this.#toSkip = 0;
    this.#flush();
    switch (name) {
      case 'uc':
        this.#group.skip = Math.max(0, value ?? 1);
        return;
      case 'ansicpg':
        this.#encoding = encodingOfCodePage(value ?? 1252) ?? this.#encoding;
        return;
      case 'mac':
        this.#encoding = 'macintosh';
        return;
      case 'deff':
        this.#defaultFont = value ?? -1;
        return;
      case 'f':
        this.#group.font = value ?? -1;
        return;
      case 'plain':
        this.#group.font = this.#defaultFont;
        return;
      case 'fcharset':
        this.#setOfFont(CHARSETS[value ?? 0]);
        return;
      case 'cpg':
        this.#setOfFont(encodingOfCodePage(value ?? 1252));
        return;
      case 'par':
      case 'sect':
      case 'page':
        this.#endParagraph();
        return;
      case 'trowd':
        this.#openRow();
        return;
      case 'intbl':
        this.#inTable = true;
        this.#openRow();
        return;
      case 'pard':
        this.#inTable = false;
        return;
      case 'cell':
        this.#endCell();
        return;
      case 'row':
        this.#endRow();
        return;
      case 'nestcell':
        this.#add('\t');
        return;
      case 'nestrow':
        this.#add('\n');
        return;
      case 'yr':
      case 'mo':
      case 'dy':
      case 'hr':
      case 'min':
        if (this.#group.destination === 'creatim') this.#date.set(name, value ?? 0);
        return;
      default:
        this.#destination(name);
    }
  }

  /** A word that says what the group is for. */
  #destination(name: string): void {
    if (name === 'info') this.#group.destination = 'info';
    else if (['title', 'author', 'creatim'].includes(name) && this.#group.destination === 'info') {
      this.#group.destination = name;
    } else if (name === 'upr') {
      this.#group.outer = { isSilent: this.#group.isSilent, destination: this.#group.destination };
      this.#group.isSilent = true;
      this.#group.destination = 'upr';
    } else if (name === 'ud' && this.#group.outer !== undefined) {
      Object.assign(this.#group, this.#group.outer);
    }
    if (SILENT.has(name) || (this.#group.isOptional && !SAID.has(name))) this.#group.isSilent = true;
    if (name === 'fonttbl') this.#group.destination = 'fonttbl';
    this.#group.isOptional = false;
    if (BOXES.has(name) && !this.#group.isSilent && this.#group.destination !== 'box') {
      this.#group.destination = 'box';
      this.#paragraphs.openBox();
    }
  }

  #setOfFont(encoding: string | undefined): void {
    const name = encoding === undefined ? undefined : labelOf(encoding);
    if (this.#group.destination === 'fonttbl' && name !== undefined) this.#fonts.set(this.#group.font, name);
  }

  /** Whether what stands here is only for readers that know no Unicode. */
  #skipped(): boolean {
    if (this.#toSkip === 0) return false;
    this.#toSkip -= 1;
    return true;
  }

  #byte(code: number): void {
    if (!this.#skipped()) this.#bytes.push(code);
  }

  /** Makes characters of the bytes that came one by one. */
  #flush(): void {
    if (this.#bytes.length === 0) return;
    const bytes = Uint8Array.from(this.#bytes);
    this.#bytes = [];
    const font = this.#group.font < 0 ? this.#defaultFont : this.#group.font;
    this.#add(this.#decoder(this.#fonts.get(font) ?? this.#encoding).decode(bytes));
  }

  #decoder(encoding: string): InstanceType<typeof TextDecoder> {
    const decoder = this.#decoders.get(encoding) ?? new TextDecoder(encoding);
    this.#decoders.set(encoding, decoder);
    return decoder;
  }

  #add(text: string): void {
    const { destination, isSilent } = this.#group;
    if (destination === 'title' || destination === 'author') {
      this.#said.set(destination, `${this.#said.get(destination) ?? ''}${text}`.slice(0, 10_000));
    } else if (!isSilent) {
      if (!this.#inTable && !this.#inRow && destination !== 'box') this.#endTable();
      this.#paragraphs.add(text);
    }
  }

  #endParagraph(): void {
    if (!this.#group.isSilent) this.#paragraphs.end();
  }

  /** Words that begin a row are often said twice. */
  #openRow(): void {
    if (this.#inRow || this.#group.isSilent || this.#group.destination === 'box') return;
    if (!this.#hasTable) this.#paragraphs.openTable();
    this.#hasTable = true;
    this.#inRow = true;
    this.#paragraphs.openRow();
    this.#paragraphs.openCell();
  }

  #endCell(): void {
    if (this.#group.isSilent || this.#group.destination === 'box') return;
    this.#openRow();
    this.#paragraphs.closeCell();
    this.#paragraphs.openCell();
  }

  #endRow(): void {
    if (!this.#inRow || this.#group.isSilent) return;
    this.#paragraphs.closeCell(true);
    this.#inRow = false;
  }

  #endTable(): void {
    if (!this.#hasTable) return;
    this.#endRow();
    this.#paragraphs.closeTable();
    this.#hasTable = false;
  }

  #created(): string | undefined {
    const [year, month, day] = ['yr', 'mo', 'dy'].map((name) => this.#date.get(name));
    if (year === undefined || month === undefined || day === undefined) return undefined;
    const moment = new Date(
      Date.UTC(year, month - 1, day, this.#date.get('hr') ?? 0, this.#date.get('min') ?? 0),
    );
    return Number.isNaN(moment.getTime()) ? undefined : moment.toISOString();
  }
}

/** A word of control, its number, and the blank that ends it. */
const WORD = /([a-zA-Z]{1,32})(-?\d{1,10})?[ ]?/y;

function endOfText(source: string, from: number): number {
  const piece = source.slice(from, from + PIECE);
  const length = piece.search(/[\\{}\r\n]/);
  return from + (length < 0 ? piece.length : length);
}
