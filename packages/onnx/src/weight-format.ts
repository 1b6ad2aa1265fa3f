import { type FileHandle, open } from 'node:fs/promises';
import { type Failure, fileFailure } from './failure.js';

/**
 * How a network keeps and uses its weights.
 * - `f32`, `f16`: as they are.
 * - `int8w`: 8-bit weights that are unpacked; the arithmetic is that of 32 bits.
 * - `int8dyn`: activations become 8 bits too, on a scale taken from the whole batch.
 * - `other`: anything else that is quantised.
 */
export type WeightFormat = 'f32' | 'f16' | 'int8w' | 'int8dyn' | 'other';

const DYNAMIC = new Set([
  'DynamicQuantizeLinear',
  'DynamicQuantizeMatMul',
  'DynamicQuantizeLSTM',
  'MatMulInteger',
  'MatMulIntegerToFloat',
  'ConvInteger',
  'QAttention',
]);
const OTHER = /^(QuantizeLinear|QLinear\w+|MatMulNBits|MatMulBnb4|GatherBlockQuantized)$/;
const HALF = 10; // TensorProto.DataType.FLOAT16

/** Wire types of protocol buffers. */
const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

/**
 * The format of the weights in an `.onnx` file, from the kinds of its nodes and the types of its tables. Names of
 * files do not tell: `model_quantized.onnx` is either of two. Only the heads of tables are read.
 */
export async function weightFormatOf(path: string, fail: Failure): Promise<WeightFormat> {
  let file: FileHandle;
  try {
    file = await open(path);
  } catch (error) {
    throw fileFailure(fail, `${path} cannot be read`, error);
  }
  try {
    const { size } = await file.stat();
    const { kinds, half } = await facts(new Reader(file, size));
    if (kinds.size === 0) throw new RangeError('there are no nodes in it');
    if ([...kinds].some((kind) => DYNAMIC.has(kind))) return 'int8dyn';
    if ([...kinds].some((kind) => OTHER.test(kind))) return 'other';
    if (kinds.has('DequantizeLinear')) return 'int8w';
    return half ? 'f16' : 'f32';
  } catch (error) {
    if (!(error instanceof RangeError)) throw fileFailure(fail, `${path} cannot be read`, error);
    throw fail(`${path} is not a network in the ONNX format: ${error.message}`, {
      details: { reason: 'invalid_model', path },
      suggestion: 'Put the file there again; it may be cut off, or a pointer in place of the file itself.',
      cause: error,
    });
  } finally {
    await file.close();
  }
}

/** The kinds of the nodes (ModelProto.graph.node.op_type), and whether a table holds 16-bit numbers. */
async function facts(reader: Reader): Promise<{ kinds: Set<string>; half: boolean }> {
  const kinds = new Set<string>();
  let half = false;
  for await (const graph of fields(reader, 0, reader.size)) {
    if (graph.number !== 7 || graph.type !== BYTES) continue;
    for await (const part of fields(reader, graph.start, graph.end)) {
      if (part.type !== BYTES || (part.number !== 1 && part.number !== 5)) continue;
      for await (const field of fields(reader, part.start, part.end)) {
        if (part.number === 1 && field.number === 4 && field.type === BYTES) {
          kinds.add(await reader.text(field.start, field.end));
          break;
        }
        if (part.number === 5 && field.number === 2 && field.type === VARINT) {
          if (field.value === HALF) half = true;
          break;
        }
      }
    }
  }
  return { kinds, half };
}

interface Field {
  readonly number: number;
  readonly type: number;
  /** Of a VARINT. */
  readonly value: number;
  /** Where its bytes lie, of the others. */
  readonly start: number;
  readonly end: number;
}

async function* fields(reader: Reader, from: number, to: number): AsyncGenerator<Field> {
  let at = from;
  while (at < to) {
    const tag = await reader.varint(at);
    const type = tag.value % 8;
    const number = Math.floor(tag.value / 8);
    let start = tag.end;
    let value = 0;
    let end: number;
    switch (type) {
      case VARINT: {
        ({ value, end } = await reader.varint(start));
        break;
      }
      case FIXED64:
        end = start + 8;
        break;
      case FIXED32:
        end = start + 4;
        break;
      case BYTES: {
        const length = await reader.varint(start);
        start = length.end;
        end = start + length.value;
        break;
      }
      default:
        throw new RangeError(`unknown type ${type} of a field at byte ${at}`);
    }
    if (number === 0 || end > to) throw new RangeError(`a field at byte ${at} does not fit`);
    yield { number, type, value, start, end };
    at = end;
  }
}

const WINDOW = 4096;
const LONGEST_TEXT = 256;

/** Reads a file here and there, a window at a time. */
class Reader {
  readonly size: number;
  readonly #file: FileHandle;
  readonly #window = Buffer.alloc(WINDOW);
  #start = 0;
  #length = 0;

  constructor(file: FileHandle, size: number) {
    this.#file = file;
    this.size = size;
  }

  async varint(at: number): Promise<{ value: number; end: number }> {
    let value = 0;
    for (let index = 0; index < 10; index += 1) {
      const byte = await this.#byte(at + index);
      // Numbers that a double cannot hold are lengths of nothing that fits into a file.
      value += (byte & 0x7f) * 2 ** (7 * index);
      if (byte < 0x80) return { value, end: at + index + 1 };
    }
    throw new RangeError(`a number at byte ${at} does not end`);
  }

  async text(start: number, end: number): Promise<string> {
    if (end - start > LONGEST_TEXT) throw new RangeError(`a name at byte ${start} is too long`);
    const bytes = Buffer.alloc(end - start);
    for (let index = 0; index < bytes.length; index += 1) bytes[index] = await this.#byte(start + index);
    return bytes.toString('utf8');
  }

  async #byte(at: number): Promise<number> {
    if (at < this.#start || at >= this.#start + this.#length) {
      const { bytesRead } = await this.#file.read(this.#window, 0, WINDOW, at);
      this.#start = at;
      this.#length = bytesRead;
    }
    const byte = at < this.#start + this.#length ? this.#window[at - this.#start] : undefined;
    if (byte === undefined) throw new RangeError(`it ends at byte ${at}`);
    return byte;
  }
}
