import { PdfWriter } from '../../../pdf/test/pdf-writer.ts';
import { archive, office, rels, xml } from './archive.ts';

/** Documents of every kind that say known sentences, made part by part, so that each test shows what it is about. */
export interface Sample {
  readonly filename: string;
  readonly data: Uint8Array;
  /** Every one of which has to be in the text. */
  readonly sentences: readonly string[];
  /** Words of the file that nobody reads. */
  readonly unsaid?: readonly string[];
  /** Pages, sheets, slides, chapters. */
  readonly pages?: number;
  readonly tables?: number;
  readonly title?: string;
  readonly author?: string;
  readonly created?: string;
  readonly warnings?: readonly RegExp[];
}

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const latin1 = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'));
const bytes = (hexadecimal: string): Uint8Array => Uint8Array.from(Buffer.from(hexadecimal, 'hex'));
const joined = (...pieces: readonly Uint8Array[]): Uint8Array => Uint8Array.from(Buffer.concat(pieces));

/** いろはにほへと ちりぬるを 東京の図書館は月曜日に休みます。 */
const SHIFT_JIS = bytes(
  '82a282eb82cd82c982d982d682c681408 2bf82e882ca82e982f081422093 8c8b9e82cc907d8f918ad982cd8c8e976a93fa82c98b7882dd82dc82b78142'.replaceAll(
    ' ',
    '',
  ),
);
/** Москва: столица России. Здесь живут люди. */
const KOI8 = bytes('edcfd3cbd7c13a20d3d4cfccc9c3c120f2cfd3d3c9c92e20fac4c5d3d820d6c9d7d5d420ccc0c4c92e');

const TEXTS: readonly Sample[] = [
  {
    filename: 'plain.txt',
    data: utf8('The quick walrus jumps over the lazy moss.\n\nEin zweiter Absatz über Käse.\n'),
    sentences: ['The quick walrus jumps over the lazy moss.', 'Ein zweiter Absatz über Käse.'],
    warnings: [],
  },
  {
    filename: 'marked.txt',
    data: joined(bytes('efbbbf'), utf8('Marked as UTF-8: naïve café.')),
    sentences: ['Marked as UTF-8: naïve café.'],
    unsaid: ['\ufeff'],
    warnings: [],
  },
  {
    filename: 'latin1.txt',
    data: latin1(
      'Les élèves français étudient à côté de la forêt. Ça va très bien, merci ! Où êtes-vous allés cet été ?\n'.repeat(
        3,
      ),
    ),
    sentences: ['Les élèves français étudient à côté de la forêt.', 'Où êtes-vous allés cet été ?'],
    warnings: [/windows-1252/],
  },
  {
    filename: 'utf16le.txt',
    data: joined(
      bytes('fffe'),
      Uint8Array.from(Buffer.from('Zwölf Boxkämpfer jagen Viktor. Добрый день.', 'utf16le')),
    ),
    sentences: ['Zwölf Boxkämpfer jagen Viktor. Добрый день.'],
    warnings: [],
  },
  {
    filename: 'utf16be-without-mark.txt',
    data: Uint8Array.from(Buffer.from('The harbour opens at seven.', 'utf16le').swap16()),
    sentences: ['The harbour opens at seven.'],
    warnings: [/utf-16be/],
  },
  {
    filename: 'shift-jis.txt',
    data: SHIFT_JIS,
    sentences: ['いろはにほへと', '東京の図書館は月曜日に休みます。'],
    warnings: [/shift_jis/],
  },
  {
    filename: 'koi8.txt',
    data: KOI8,
    sentences: ['Москва: столица России.'],
    warnings: [/koi8-r/],
  },
  {
    filename: 'notes.md',
    data: utf8('---\ntitle: "Field notes"\n---\n\n# Heading\n\nThe *glacier* melts in **June**.\n'),
    sentences: ['The *glacier* melts in **June**.'],
    title: 'Field notes',
  },
  {
    filename: 'data.json',
    data: utf8('{ "city": "Z\\u00fcrich", "note": "line\\none", "price": 0.10 }'),
    sentences: ['Zürich', '"price": 0.10', 'line\\none'],
  },
  {
    filename: 'prices.csv',
    data: utf8('fruit;price\n"Äpfel; rot";1,20\nBirnen;2,00\n'),
    sentences: ['"Äpfel; rot";1,20', 'Birnen;2,00'],
    tables: 1,
  },
  {
    filename: 'prices.tsv',
    data: utf8('fruit\tprice\nquince\t3.10\n'),
    sentences: ['quince\t3.10'],
    tables: 1,
  },
  {
    filename: 'feed.xml',
    data: utf8(
      '<?xml version="1.0"?><!DOCTYPE feed [<!ENTITY lol "lol">]><feed xmlns="http://example.com/ns"><title>Harbour news</title><entry id="e-42"><![CDATA[Ships < 20 m enter freely.]]></entry><p>Caf&#233; &amp; bar <b>open</b> late</p></feed>',
    ),
    sentences: ['Harbour news', 'id: e-42', 'Ships < 20 m enter freely.', 'Café & bar', 'open'],
    unsaid: ['example.com'],
  },
];

const HTML = `<!doctype html><html><head><meta charset="utf-8"><title>Moss &amp; Stone</title>
<meta name="author" content="Ann Example"><meta property="article:published_time" content="2024-03-05T10:00:00Z">
<style>p { color: tomato }</style><script>var hiddenscript = "do not read";</script></head>
<body><nav>Home</nav><h1>Moss</h1><p>Moss grows on&nbsp;stone &mdash; slowly.</p><p>It needs
   water &lt; 5 &deg;C.</p><script>more("hiddenscript")</script><ul><li>first item</li><li>second item</li></ul>
<pre>  kept
    as is</pre><table><tr><th>kind</th><th>height</th></tr><tr><td>peat moss</td><td>7 cm</td></tr></table>
<img src="x.png" alt="A mossy wall"><p>Last<br>line</p></body></html>`;

const HTMLS: readonly Sample[] = [
  {
    filename: 'page.html',
    data: utf8(HTML),
    sentences: [
      'Moss grows on\u00a0stone — slowly.',
      'It needs water < 5 °C.',
      'first item',
      '  kept\n    as is',
      'kind\theight\npeat moss\t7 cm',
      'A mossy wall',
      'Last\nline',
    ],
    unsaid: ['hiddenscript', 'tomato', '<p>'],
    title: 'Moss & Stone',
    author: 'Ann Example',
    created: '2024-03-05T10:00:00.000Z',
    tables: 1,
  },
  {
    filename: 'latin2.htm',
    data: joined(
      utf8(
        '<html><head><meta http-equiv="Content-Type" content="text/html; charset=iso-8859-2"></head><body><p>',
      ),
      bytes('5a61bef3b3e62067ea9c6cb1206a61bcf1'.replace('9c', 'b6')),
      utf8('</p></body></html>'),
    ),
    sentences: ['Zažółć gęślą jaźń'],
  },
];

const W =
  'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" xmlns:mc="m" xmlns:wps="s" xmlns:v="v"';
const paragraph = (text: string): string => `<w:p><w:r><w:t xml:space="preserve">${text}</w:t></w:r></w:p>`;
const box = (text: string): string => `<w:txbxContent>${paragraph(text)}</w:txbxContent>`;
const cell = (text: string, span = ''): string => `<w:tc><w:tcPr>${span}</w:tcPr>${paragraph(text)}</w:tc>`;

export const DOCX: Sample = {
  filename: 'report.docx',
  data: office(
    'word/document.xml',
    {
      'word/document.xml': xml(`<w:document ${W}><w:body>
<w:p><w:pPr><w:pStyle w:val="Heading1"/><w:tabs><w:tab w:val="left" w:pos="720"/></w:tabs></w:pPr><w:r><w:t>Annual report</w:t></w:r></w:p>
<w:p><w:r><w:t xml:space="preserve">The fjord froze </w:t></w:r><w:r><w:rPr><w:b/></w:rPr><w:t>twice</w:t></w:r><w:r><w:t xml:space="preserve"> in January.</w:t><w:footnoteReference w:id="2"/></w:r></w:p>
<w:p><w:del><w:r><w:delText>removed words</w:delText></w:r></w:del><w:ins><w:r><w:t>Inserted sentence.</w:t></w:r></w:ins></w:p>
<w:p><w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:instrText>HYPERLINK "http://instr.example"</w:instrText></w:r><w:r><w:t>Linked words</w:t></w:r></w:p>
<w:p><w:r><w:t>Name:</w:t><w:tab/><w:t>Ølberg</w:t><w:br/><w:t>second line</w:t></w:r></w:p>
<w:p><w:r><mc:AlternateContent><mc:Choice Requires="wps"><wps:txbx>${box('Words in a box.')}</wps:txbx></mc:Choice><mc:Fallback><v:textbox>${box('Words in a box.')}</v:textbox></mc:Fallback></mc:AlternateContent></w:r><w:r><w:t>Around the box.</w:t></w:r></w:p>
<w:tbl><w:tr>${cell('Species', '<w:gridSpan w:val="2"/>')}${cell('Count')}</w:tr><w:tr>${cell('seal')}${cell('grey')}${cell('41')}</w:tr></w:tbl>
<w:sdt><w:sdtContent>${paragraph('In a control.')}</w:sdtContent></w:sdt></w:body></w:document>`),
      'word/_rels/document.xml.rels': rels({
        rId1: ['header', 'header1.xml'],
        rId2: ['footer', 'footer1.xml'],
        rId3: ['footnotes', 'footnotes.xml'],
        rId4: ['comments', 'comments.xml'],
      }),
      'word/header1.xml': xml(`<w:hdr ${W}>${paragraph('Institute of Ice')}</w:hdr>`),
      'word/footer1.xml': xml(`<w:ftr ${W}>${paragraph('Confidential until May')}</w:ftr>`),
      'word/footnotes.xml': xml(
        `<w:footnotes ${W}><w:footnote w:type="separator" w:id="0"><w:p><w:r><w:t>-----</w:t></w:r></w:p></w:footnote><w:footnote w:id="2">${paragraph('Measured at the pier.')}</w:footnote></w:footnotes>`,
      ),
      'word/comments.xml': xml(
        `<w:comments ${W}><w:comment w:id="0">${paragraph('Check this figure.')}</w:comment></w:comments>`,
      ),
    },
    { title: 'Ice &amp; Water', author: 'Kari Nordmann', created: '2023-11-02T08:30:00Z' },
  ),
  sentences: [
    'Annual report',
    'The fjord froze twice in January.',
    'Inserted sentence.',
    'Linked words',
    'Name:\tØlberg\nsecond line',
    'Around the box.\n\nWords in a box.',
    'Species\t\tCount\nseal\tgrey\t41',
    'In a control.',
    'Institute of Ice',
    'Confidential until May',
    'Measured at the pier.',
    'Check this figure.',
  ],
  unsaid: ['removed words', 'instr.example', '-----'],
  pages: 1,
  tables: 1,
  title: 'Ice & Water',
  author: 'Kari Nordmann',
  created: '2023-11-02T08:30:00.000Z',
};

const S = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="r"';

export const XLSX: Sample = {
  filename: 'budget.xlsx',
  data: office(
    'xl/workbook.xml',
    {
      'xl/workbook.xml': xml(
        `<workbook ${S}><sheets><sheet name="Plan" sheetId="1" r:id="rId1"/><sheet name="Secret" sheetId="2" state="hidden" r:id="rId2"/></sheets></workbook>`,
      ),
      'xl/_rels/workbook.xml.rels': rels({
        rId1: ['worksheet', 'worksheets/sheet1.xml'],
        rId2: ['worksheet', '/xl/worksheets/sheet2.xml'],
        rId3: ['sharedStrings', 'sharedStrings.xml'],
        rId4: ['styles', 'styles.xml'],
      }),
      'xl/sharedStrings.xml': xml(
        `<sst ${S}><si><t>Item</t></si><si><r><t>Rich </t></r><r><t>text</t></r></si><si><t>東京</t><rPh sb="0" eb="2"><t>トウキョウ</t></rPh></si></sst>`,
      ),
      'xl/styles.xml': xml(
        `<styleSheet ${S}><numFmts><numFmt numFmtId="164" formatCode="yyyy\\-mm\\-dd hh:mm"/><numFmt numFmtId="165" formatCode="&quot;day&quot; 0.00"/><numFmt numFmtId="166" formatCode="[h]:mm"/></numFmts><cellStyleXfs><xf numFmtId="14"/></cellStyleXfs><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="164"/><xf numFmtId="165"/><xf numFmtId="10"/><xf numFmtId="166"/></cellXfs></styleSheet>`,
      ),
      'xl/worksheets/sheet1.xml': xml(
        `<worksheet ${S}><sheetData><row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="inlineStr"><is><t>Inline words</t></is></c><c r="D1" t="s"><v>2</v></c></row>` +
          `<row r="2"><c r="A2" t="s"><v>1</v></c><c r="B2" s="1"><v>45356</v></c><c r="D2" s="2"><v>45356.5</v></c></row>` +
          `<row r="4"><c r="A4"><f>SUM(1,2)</f><v>0.30000000000000004</v></c><c r="B4" t="str"><f>A1&amp;"x"</f><v>Computed text</v></c><c r="C4" t="b"><v>1</v></c><c r="D4" s="3"><v>12.5</v></c></row>` +
          `<row r="5"><c r="A5" s="4"><v>0.125</v></c><c r="B5" t="e"><v>#DIV/0!</v></c><c r="C5" s="5"><v>1.5</v></c></row></sheetData></worksheet>`,
      ),
      'xl/worksheets/_rels/sheet1.xml.rels': rels({ rId1: ['comments', '../comments1.xml'] }),
      'xl/comments1.xml': xml(
        `<comments ${S}><authors><author>Bo</author></authors><commentList><comment ref="A1"><text><r><t>Ask Bo about this.</t></r></text></comment></commentList></comments>`,
      ),
      'xl/worksheets/sheet2.xml': xml(
        `<worksheet ${S}><sheetData><row r="1"><c r="XFD1" t="inlineStr"><is><t>Far away</t></is></c></row></sheetData></worksheet>`,
      ),
    },
    { title: 'Budget', author: 'Bo', created: '2024-01-01T00:00:00Z' },
  ),
  sentences: [
    'Item\tInline words\t東京',
    'Rich text\t2024-03-05\t2024-03-05 12:00:00',
    '0.3\tComputed text\tTRUE\t12.5',
    '12.5%\t#DIV/0!\t36:00:00',
    'Ask Bo about this.',
    'Far away',
  ],
  unsaid: ['トウキョウ', 'SUM'],
  pages: 2,
  tables: 1,
  title: 'Budget',
  author: 'Bo',
  warnings: [/"Secret" is hidden/],
};

const P = 'xmlns:p="p" xmlns:a="a" xmlns:r="r"';
const shape = (type: string, ...lines: readonly string[]): string =>
  `<p:sp><p:nvSpPr><p:nvPr><p:ph type="${type}"/></p:nvPr></p:nvSpPr><p:txBody>${lines
    .map((line) => `<a:p><a:r><a:t>${line}</a:t></a:r></a:p>`)
    .join('')}</p:txBody></p:sp>`;
const slide = (body: string, show = ''): string =>
  xml(`<p:sld ${P}${show}><p:cSld><p:spTree>${body}</p:spTree></p:cSld></p:sld>`);

export const PPTX: Sample = {
  filename: 'talk.pptx',
  data: office(
    'ppt/presentation.xml',
    {
      'ppt/presentation.xml': xml(
        `<p:presentation ${P}><p:sldIdLst><p:sldId id="256" r:id="rId3"/><p:sldId id="257" r:id="rId2"/></p:sldIdLst></p:presentation>`,
      ),
      'ppt/_rels/presentation.xml.rels': rels({
        rId2: ['slide', 'slides/slide1.xml'],
        rId3: ['slide', 'slides/slide2.xml'],
      }),
      'ppt/slides/slide1.xml': slide(
        `${shape('title', 'Second slide')}<p:graphicFrame><a:graphic><a:tbl><a:tr><a:tc><a:txBody><a:p><a:r><a:t>Year</a:t></a:r></a:p></a:txBody></a:tc><a:tc><a:txBody><a:p><a:r><a:t>Boats</a:t></a:r></a:p></a:txBody></a:tc></a:tr><a:tr><a:tc><a:txBody><a:p><a:r><a:t>2021</a:t></a:r></a:p></a:txBody></a:tc><a:tc><a:txBody><a:p><a:r><a:t>17</a:t></a:r></a:p></a:txBody></a:tc></a:tr></a:tbl></a:graphic></p:graphicFrame>`,
        ' show="0"',
      ),
      'ppt/slides/slide2.xml': slide(
        `${shape('ctrTitle', 'Opening words')}${shape('body', 'A bullet about boats.', 'Another bullet.')}${shape('sldNum', '99')}`,
      ),
      'ppt/slides/_rels/slide2.xml.rels': rels({ rId1: ['notesSlide', '../notesSlides/notesSlide1.xml'] }),
      'ppt/notesSlides/notesSlide1.xml': xml(
        `<p:notes ${P}><p:cSld><p:spTree>${shape('sldImg')}${shape('body', 'Remember to greet the mayor.')}</p:spTree></p:cSld></p:notes>`,
      ),
    },
    { title: 'Boats', author: 'Ida', created: '2022-05-05T00:00:00Z' },
  ),
  sentences: [
    'Opening words',
    'A bullet about boats.\n\nAnother bullet.',
    'Remember to greet the mayor.',
    'Second slide',
    'Year\tBoats\n2021\t17',
  ],
  unsaid: ['99'],
  pages: 2,
  tables: 1,
  title: 'Boats',
  author: 'Ida',
  warnings: [/slide 2 is hidden/],
};

const chapter = (heading: string, body: string): string =>
  xml(
    `<html xmlns="http://www.w3.org/1999/xhtml"><head><title>t</title></head><body><h2>${heading}</h2><p>${body}</p></body></html>`,
  );

export const EPUB: Sample = {
  filename: 'book.epub',
  data: archive({
    mimetype: 'application/epub+zip',
    'META-INF/container.xml': xml(
      '<container xmlns="c"><rootfiles><rootfile full-path="OEBPS/book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>',
    ),
    'OEBPS/book.opf': xml(
      '<package xmlns="o"><metadata xmlns:dc="d"><dc:title>The Lighthouse</dc:title><dc:creator>M. Keeper</dc:creator><dc:date>1901-02-03</dc:date></metadata><manifest><item id="one" href="text/chapter%20one.xhtml" media-type="application/xhtml+xml"/><item id="two" href="text/two.xhtml" media-type="application/xhtml+xml"/><item id="css" href="a.css" media-type="text/css"/></manifest><spine><itemref idref="two"/><itemref idref="one"/></spine></package>',
    ),
    'OEBPS/text/chapter one.xhtml': chapter('Storm', 'The lamp went out at <em>midnight</em>.'),
    'OEBPS/text/two.xhtml': chapter('Calm', 'Gulls slept on the gallery.'),
    'OEBPS/a.css': 'p { color: tomato }',
  }),
  sentences: ['Calm\n\nGulls slept on the gallery.', 'Storm\n\nThe lamp went out at midnight.'],
  unsaid: ['tomato'],
  pages: 2,
  title: 'The Lighthouse',
  author: 'M. Keeper',
  created: '1901-02-03',
};

export const RTF: Sample = {
  filename: 'letter.rtf',
  data: latin1(
    String.raw`{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0\fswiss\fcharset0 Arial;}{\f1\fnil\fcharset128 MS Mincho;}{\f2\fnil\fcharset204 Times Cyr;}}` +
      String.raw`{\colortbl;\red0\green0\blue0;}{\*\generator Writer 1;}{\info{\title A letter}{\author Eva Lind\'f6}{\creatim\yr2020\mo6\dy7\hr8\min9}}` +
      '\n' +
      String.raw`\pard\plain Dear caf\'e9 owner,\par It costs 5\~\'80 \endash  cheap \{really\}.\par` +
      '\n' +
      String.raw`Unicode: \u1055?\u1088?\u1080?\u1074?\u1077?\u1090? and \uc2\u8364 EU.\uc1\par ` +
      String.raw`{\f1 \'93\'8c\'8b\'9e}\par{\f2 \'cc\'e8\'f0}\par ` +
      String.raw`Text with a note{\footnote\pard The note itself.}.\par ` +
      String.raw`{\field{\*\fldinst HYPERLINK "http://instr.example"}{\fldrslt Shown link}}\par ` +
      String.raw`{\*\unknown silent words}{\pict\pngblip 89504e470d0a}{\header Top of the page}` +
      String.raw`\trowd\cellx1000\cellx2000\pard\intbl Fish\cell Price\cell\row\trowd\cellx1000\cellx2000\pard\intbl Cod\cell 12\cell\row` +
      String.raw`\pard After the table.\par}`,
  ),
  sentences: [
    'Dear café owner,',
    'It costs 5\u00a0€ – cheap {really}.',
    'Unicode: Привет and €.',
    '東京',
    'Мир',
    'Text with a note.\n\nThe note itself.',
    'Shown link',
    'Top of the page',
    'Fish\tPrice\nCod\t12',
    'After the table.',
  ],
  unsaid: ['silent words', 'instr.example', '89504e', 'Arial', 'EU'],
  tables: 1,
  title: 'A letter',
  author: 'Eva Lindö',
  created: '2020-06-07T08:09:00.000Z',
};

const base64 = (data: Uint8Array): string => Buffer.from(data).toString('base64');

const EML: Sample = {
  filename: 'mail.eml',
  data: latin1(
    [
      'From: =?utf-8?B?SsO8cmdlbg==?= <juergen@example.com>',
      'To: Ann <ann@example.com>, bo@example.com',
      'Date: Tue, 05 Mar 2024 10:00:00 +0100',
      'Subject: =?iso-8859-1?Q?Gr=FC=DFe?= from the harbour',
      'MIME-Version: 1.0',
      'Content-Type: multipart/mixed; boundary="outer"',
      '',
      '--outer',
      'Content-Type: multipart/alternative; boundary="inner"',
      '',
      '--inner',
      'Content-Type: text/plain; charset=iso-8859-1',
      'Content-Transfer-Encoding: quoted-printable',
      '',
      'Der Kai ist fertig f=FCr die Boote, und alle sind sehr ge=',
      'spannt.',
      '--inner',
      'Content-Type: text/html; charset=utf-8',
      'Content-Transfer-Encoding: base64',
      '',
      base64(utf8('<p>Der Kai ist fertig f&uuml;r die Boote, und alle sind sehr gespannt.</p>')),
      '--inner--',
      '--outer',
      'Content-Type: application/pdf; name="plan.pdf"',
      'Content-Disposition: attachment; filename="plan.pdf"',
      'Content-Transfer-Encoding: base64',
      '',
      base64(utf8('%PDF-1.4 not read')),
      '--outer--',
      '',
    ].join('\r\n'),
  ),
  sentences: [
    'Jürgen <juergen@example.com>',
    'Ann <ann@example.com>, bo@example.com',
    'Grüße from the harbour',
    'Der Kai ist fertig für die Boote, und alle sind sehr gespannt.',
    'plan.pdf (application/pdf)',
  ],
  unsaid: ['not read', '<p>'],
  title: 'Grüße from the harbour',
  author: 'Jürgen <juergen@example.com>',
  created: '2024-03-05T09:00:00.000Z',
  warnings: [/plan\.pdf/],
};

function pdf(): Uint8Array {
  const writer = new PdfWriter();
  writer.info = '/Title (Tide tables) /Author (Harbour office) /CreationDate (D:20240305100000Z)';
  writer.page([
    { x: 72, y: 700, text: 'High water comes at six.', size: 14 },
    { x: 72, y: 680, text: 'The caf\u00e9 on the pier opens later.' },
  ]);
  writer.page([]);
  writer.page([{ x: 72, y: 700, text: 'Low water follows at noon.' }]);
  return writer.bytes();
}

export const PDF: Sample = {
  filename: 'tides.pdf',
  data: pdf(),
  sentences: ['High water comes at six.', 'The café on the pier opens later.', 'Low water follows at noon.'],
  pages: 3,
  title: 'Tide tables',
  author: 'Harbour office',
  created: '2024-03-05T10:00:00.000Z',
  warnings: [],
};

export const SAMPLES: readonly Sample[] = [...TEXTS, ...HTMLS, PDF, DOCX, XLSX, PPTX, EPUB, RTF, EML];
