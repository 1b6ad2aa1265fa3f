import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openSession, type Runtime, type Session, type SessionOptions, type Tensor } from '../src/index.ts';
import { fail, scratch } from './support/failure.ts';
import { dynamicModel, lookUpModel, weightOnlyModel } from './support/onnx-model.ts';

const TABLE = [
  [0, 0],
  [1, 2],
  [3, 4],
];

function modelFile(bytes: Buffer = lookUpModel(TABLE)): string {
  const path = join(scratch(), 'model.onnx');
  writeFileSync(path, bytes);
  return path;
}
function feeds(...ids: number[]): Record<string, Tensor> {
  const tensor = (values: number[]): Tensor => ({
    type: 'int64',
    dims: [1, values.length],
    data: BigInt64Array.from(values, BigInt),
  });
  return {
    input_ids: tensor(ids),
    attention_mask: tensor(ids.map(() => 1)),
    token_type_ids: tensor(ids.map(() => 0)),
  };
}
async function valuesOf(session: Session, ...ids: number[]): Promise<number[]> {
  const { last_hidden_state: output } = await session.run(feeds(...ids));
  return Array.from(output?.data as Float32Array);
}

describe('a session', () => {
  it('names what it takes and gives, and computes', async () => {
    const session = await openSession(modelFile(), { fail });
    expect(session.inputs).toEqual(
      ['input_ids', 'attention_mask', 'token_type_ids'].map((name) => ({
        name,
        type: 'int64',
        dims: ['batch', 'sequence'],
      })),
    );
    expect(session.outputs).toEqual([
      { name: 'last_hidden_state', type: 'float32', dims: ['batch', 'sequence', 2] },
    ]);
    expect(await valuesOf(session, 2, 1)).toEqual([3, 4, 1, 2]);
    await session.close();
  });

  it.each([
    ['dynamic', dynamicModel(TABLE), 2],
    ['weight-only', weightOnlyModel(TABLE, 0.5), 6],
  ])('runs networks with quantised numbers: %s', async (_name, bytes, digits) => {
    const path = modelFile(bytes);
    for (const quantisedKernels of [false, true]) {
      const session = await openSession(path, { fail, quantisedKernels });
      const values = await valuesOf(session, 2, 1);
      [3, 4, 1, 2].forEach((value, index) => expect(values[index]).toBeCloseTo(value, digits - 1));
      await session.close();
    }
  });

  it('leaves the event loop free while it computes', async () => {
    const session = await openSession(modelFile(), { fail });
    const data = new BigInt64Array(8_000_000);
    let turns = 0;
    const counting = setInterval(() => (turns += 1), 1);
    // One array for all three inputs: token 0, and a mask that nothing looks at.
    const tensor: Tensor = { type: 'int64', dims: [1, data.length], data };
    await session.run({ input_ids: tensor, attention_mask: tensor, token_type_ids: tensor });
    clearInterval(counting);
    expect(turns).toBeGreaterThan(0);
    await session.close();
  });

  it('says what is wrong with inputs, and goes on', async () => {
    const session = await openSession(modelFile(), { fail });
    await expect(session.run({ input_ids: feeds(1)['input_ids'] as Tensor })).rejects.toMatchObject({
      code: 'MV015',
      details: { reason: 'runtime' },
    });
    await expect(session.run(feeds(7))).rejects.toMatchObject({ code: 'MV015' });
    expect(await valuesOf(session, 1)).toEqual([1, 2]);
    await session.close();
  });

  it('gives up waiting when its signal is aborted', async () => {
    const session = await openSession(modelFile(), { fail });
    const reason = new Error('enough');
    await expect(session.run(feeds(1), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const controller = new AbortController();
    const running = session.run(feeds(1), { signal: controller.signal });
    controller.abort(reason);
    await expect(running).rejects.toBe(reason);
    expect(await valuesOf(session, 1)).toEqual([1, 2]);
    await session.close();
  });

  it('a file that is no network is refused with what is wrong', async () => {
    const path = modelFile(Buffer.from('no network'));
    await expect(openSession(path, { fail })).rejects.toMatchObject({
      code: 'MV015',
      details: { reason: 'invalid_model', path },
    });
    await expect(openSession(`${path}.missing`, { fail })).rejects.toMatchObject({
      details: { reason: 'file' },
    });
  });
});

describe('sharing', () => {
  /** A runtime that counts. */
  function counting(): Runtime & { log: string[]; lose(): void } {
    const log: string[] = [];
    let usable = true;
    return {
      name: 'counting',
      log,
      lose() {
        usable = false;
      },
      async open(path: string, options: SessionOptions) {
        usable = true;
        if (readFileSync(path).length === 0) throw new Error('empty');
        log.push(`open ${options.threads ?? 'default'}`);
        return {
          inputs: [],
          outputs: [],
          get usable() {
            return usable;
          },
          async run() {
            if (!usable) throw new Error('lost');
            return {};
          },
          async close() {
            log.push('close');
          },
        };
      },
    };
  }

  it('one network serves all who open the same file with the same options, and is freed with the last', async () => {
    const path = modelFile();
    const runtime = counting();
    const [first, second] = await Promise.all([
      openSession(path, { fail, runtime }),
      openSession(path, { fail, runtime }),
    ]);
    const other = await openSession(path, { fail, runtime, threads: 1 });
    expect(runtime.log).toEqual(['open default', 'open 1']);
    await Promise.all([first.close(), first.close()]);
    expect(runtime.log).toHaveLength(2);
    await expect(first.run({})).rejects.toMatchObject({ code: 'MV015' });
    expect([first.usable, second.usable]).toEqual([false, true]);
    expect(await second.run({})).toEqual({});
    await second.close();
    await other.close();
    expect(runtime.log.slice(2)).toEqual(['close', 'close']);
    await (await openSession(path, { fail, runtime })).close();
    expect(runtime.log).toHaveLength(6);
  });

  it('a file that was replaced, or whose network was lost or could not be opened, is opened anew', async () => {
    const path = modelFile();
    const runtime = counting();
    const first = await openSession(path, { fail, runtime });
    const other = modelFile(lookUpModel([[1]]));
    copyFileSync(other, path);
    const second = await openSession(path, { fail, runtime });
    expect(runtime.log).toHaveLength(2);
    runtime.lose();
    await expect(second.run({})).rejects.toMatchObject({ code: 'MV015' });
    const third = await openSession(path, { fail, runtime });
    expect(runtime.log).toHaveLength(3);
    expect(await third.run({})).toEqual({});
    await Promise.all([first.close(), second.close(), third.close()]);
    writeFileSync(path, '');
    await expect(openSession(path, { fail, runtime })).rejects.toMatchObject({ code: 'MV015' });
    await expect(openSession(path, { fail, runtime })).rejects.toMatchObject({ code: 'MV015' });
  });
});
