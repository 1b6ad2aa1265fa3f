import { PluginMissingError } from '@memvid/core';
import type { Draft, Reading } from './reading.js';

export async function read(reading: Reading): Promise<Draft> {
  throw new PluginMissingError(`${reading.filename} needs the package @memvid/pdf, which is not installed`, {
    details: { operation: 'read a document', package: '@memvid/pdf', filename: reading.filename },
  });
}
