import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A file of the model, as it was when this package was made. */
export interface ModelFile {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** Hexadecimal digits. */
  readonly sha256: string;
}

/** Folder name of the model, and the name `@memvid/ner` knows it by. */
export const MODEL_NAME = 'en-core-web-sm';

/** The absolute path of the folder with the files of the model. */
export function modelFolder(): string {
  return join(dirname(fileURLToPath(import.meta.url)), '../model');
}

/** The files in it. */
export const MODEL_FILES: readonly ModelFile[] = [
  {
    name: 'LICENSE',
    size: 1056,
    sha256: '3933c176979b68bc6d0bcc902c7d6c130f1d127f476f17ba5cdba8d99cfd0012',
  },
  {
    name: 'decode.json',
    size: 116_411,
    sha256: '3d1e3df51204d8b8c2e3f7841934df17e5632f31bc6906c808ccbaeef6a62734',
  },
  {
    name: 'model.onnx',
    size: 6_130_639,
    sha256: 'ad5cb08c7cb769a4969447d32711a3dcbef7e0d27628cab8f4b376c8958f9b5e',
  },
  {
    name: 'tokenizer_rules.json',
    size: 270_584,
    sha256: '502060cab674b4e174871f4f1b7b9dba2921499a262426b9d503561d3a4b7c75',
  },
];
