// Small networks, written as the ONNX format has them (onnx.proto), so that tests need no Python and no weights.

type Bytes = readonly number[] | Uint8Array;

function varint(value: number): number[] {
  const digits: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    digits.push((rest % 0x80) + 0x80);
    rest = Math.floor(rest / 0x80);
  }
  return [...digits, rest];
}
function number(field: number, value: number): Bytes {
  return [...varint(field * 8), ...varint(value)];
}
function bytes(field: number, ...parts: readonly Bytes[]): Buffer {
  const body = Buffer.concat(parts.map((part) => Uint8Array.from(part)));
  return Buffer.concat([Uint8Array.from([...varint(field * 8 + 2), ...varint(body.length)]), body]);
}
function text(field: number, value: string): Buffer {
  return bytes(field, Buffer.from(value));
}

/** TensorProto.DataType */
export const FLOAT = 1;
export const INT8 = 3;
const INT64 = 7;
export const FLOAT16 = 10;

export interface Node {
  readonly kind: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Whole numbers. */
  readonly attributes?: Readonly<Record<string, number>>;
}
export interface Table {
  readonly name: string;
  readonly type: number;
  readonly dims: readonly number[];
  readonly data: ArrayBufferView;
}
export interface Value {
  readonly name: string;
  readonly type: number;
  readonly dims: readonly (number | string)[];
}

/** A file in the ONNX format. */
export function onnxModel(graph: {
  nodes: readonly Node[];
  tables: readonly Table[];
  inputs: readonly Value[];
  outputs: readonly Value[];
}): Buffer {
  const node = ({ kind, inputs, outputs, attributes = {} }: Node): Buffer =>
    bytes(
      1,
      ...inputs.map((name) => text(1, name)),
      ...outputs.map((name) => text(2, name)),
      text(4, kind),
      ...Object.entries(attributes).map(([name, value]) =>
        bytes(5, text(1, name), number(3, value), number(20, 2)),
      ),
    );
  const table = ({ name, type, dims, data }: Table): Buffer =>
    bytes(
      5,
      ...dims.map((size) => number(1, size)),
      number(2, type),
      text(8, name),
      bytes(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)),
    );
  const value = (field: number, { name, type, dims }: Value): Buffer =>
    bytes(
      field,
      text(1, name),
      bytes(
        2,
        bytes(
          1,
          number(1, type),
          bytes(2, ...dims.map((dim) => bytes(1, typeof dim === 'number' ? number(1, dim) : text(2, dim)))),
        ),
      ),
    );
  return Buffer.concat([
    Uint8Array.from(number(1, 8)),
    bytes(
      7,
      ...graph.nodes.map(node),
      text(2, 'test'),
      ...graph.tables.map(table),
      ...graph.inputs.map((input) => value(11, input)),
      ...graph.outputs.map((output) => value(12, output)),
    ),
    bytes(8, text(1, ''), number(2, 14)),
  ]);
}

const TOKEN_INPUTS: readonly Value[] = ['input_ids', 'attention_mask', 'token_type_ids'].map((name) => ({
  name,
  type: INT64,
  dims: ['batch', 'sequence'],
}));

/** A network that looks up a row of numbers for each token: `table[id]` is what token `id` means. */
export function lookUpModel(
  table: readonly (readonly number[])[],
  output: string = 'last_hidden_state',
): Buffer {
  const width = table[0]?.length ?? 0;
  return onnxModel({
    nodes: [{ kind: 'Gather', inputs: ['table', 'input_ids'], outputs: [output] }],
    tables: [
      { name: 'table', type: FLOAT, dims: [table.length, width], data: Float32Array.from(table.flat()) },
    ],
    inputs: TOKEN_INPUTS,
    outputs: [{ name: output, type: FLOAT, dims: ['batch', 'sequence', width] }],
  });
}

/** The same, followed by a product with the unit matrix in dynamically quantised numbers, as exporters write it. */
export function dynamicModel(table: readonly (readonly number[])[]): Buffer {
  const width = table[0]?.length ?? 0;
  const unit = Int8Array.from({ length: width * width }, (_, at) => (at % (width + 1) === 0 ? 1 : 0));
  return onnxModel({
    nodes: [
      { kind: 'Gather', inputs: ['table', 'input_ids'], outputs: ['rows'] },
      { kind: 'DynamicQuantizeLinear', inputs: ['rows'], outputs: ['small', 'scale', 'zero'] },
      { kind: 'MatMulInteger', inputs: ['small', 'unit', 'zero'], outputs: ['sums'] },
      { kind: 'Cast', inputs: ['sums'], outputs: ['unscaled'], attributes: { to: FLOAT } },
      { kind: 'Mul', inputs: ['unscaled', 'scale'], outputs: ['last_hidden_state'] },
    ],
    tables: [
      { name: 'table', type: FLOAT, dims: [table.length, width], data: Float32Array.from(table.flat()) },
      { name: 'unit', type: INT8, dims: [width, width], data: unit },
    ],
    inputs: TOKEN_INPUTS,
    outputs: [{ name: 'last_hidden_state', type: FLOAT, dims: ['batch', 'sequence', width] }],
  });
}

/** The look-up with its table in 8 bits, as weight-only quantisation leaves it. */
export function weightOnlyModel(table: readonly (readonly number[])[], scale: number): Buffer {
  const width = table[0]?.length ?? 0;
  return onnxModel({
    nodes: [
      { kind: 'DequantizeLinear', inputs: ['small', 'scale', 'zero'], outputs: ['table'] },
      { kind: 'Gather', inputs: ['table', 'input_ids'], outputs: ['last_hidden_state'] },
    ],
    tables: [
      {
        name: 'small',
        type: INT8,
        dims: [table.length, width],
        data: Int8Array.from(table.flat(), (value) => value / scale),
      },
      { name: 'scale', type: FLOAT, dims: [], data: Float32Array.of(scale) },
      { name: 'zero', type: INT8, dims: [], data: Int8Array.of(0) },
    ],
    inputs: TOKEN_INPUTS,
    outputs: [{ name: 'last_hidden_state', type: FLOAT, dims: ['batch', 'sequence', width] }],
  });
}

/** `tokenizer.json` of BERT's kind with these words, behind `[PAD] [UNK] [CLS] [SEP]`, which have the ids 0 to 3. */
export function tokenizerJson(words: readonly string[]): string {
  const special = ['[PAD]', '[UNK]', '[CLS]', '[SEP]'];
  const mark = (content: string, id: number): object => ({
    id,
    content,
    special: true,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
  });
  return JSON.stringify({
    version: '1.0',
    // As some models ship it: neither is to be obeyed.
    truncation: { max_length: 4, strategy: 'LongestFirst', stride: 0 },
    padding: {
      strategy: { Fixed: 64 },
      direction: 'Right',
      pad_id: 0,
      pad_type_id: 0,
      pad_token: '[PAD]',
      pad_to_multiple_of: null,
    },
    added_tokens: special.map(mark),
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase: true,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: {
      type: 'TemplateProcessing',
      single: [
        { SpecialToken: { id: '[CLS]', type_id: 0 } },
        { Sequence: { id: 'A', type_id: 0 } },
        { SpecialToken: { id: '[SEP]', type_id: 0 } },
      ],
      pair: [],
      special_tokens: {
        '[CLS]': { id: '[CLS]', ids: [2], tokens: ['[CLS]'] },
        '[SEP]': { id: '[SEP]', ids: [3], tokens: ['[SEP]'] },
      },
    },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: '[UNK]',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries([...special, ...words].map((word, id) => [word, id])),
    },
  });
}
