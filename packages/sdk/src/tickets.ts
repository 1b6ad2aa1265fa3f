import { TicketInvalidError } from '@memvid/core';
import type { Handle } from './handle.js';
import { stats } from './stats.js';

export interface Ticket {
  issuer: string;
  seq_no: number;
  expires_in_secs: number;
  capacity_bytes: number;
  verified: boolean;
}

export interface MemoryBinding {
  [key: string]: unknown;
}

/** Tickets buy capacity from a vendor; there is nothing to buy here, so none is valid. */
export async function refuseTicket(handle: Handle, operation: string, ticket: unknown): Promise<never> {
  handle.assertOpen(operation);
  const what =
    typeof ticket === 'string' ? `a text of ${ticket.length} characters` : `a value of type ${typeof ticket}`;
  throw new TicketInvalidError(
    `${operation} was given ${what}: tickets are not used here, and none is accepted`,
    {
      details: { operation },
    },
  );
}

/** The cap in force, in bytes. */
export async function getCapacity(handle: Handle): Promise<number> {
  handle.assertOpen('getCapacity');
  return (await stats(handle)).capacity_bytes;
}

/** What a reader of the reference's ticket would see. */
export async function currentTicket(handle: Handle): Promise<Ticket> {
  handle.assertOpen('currentTicket');
  const { seq_no, capacity_bytes } = await stats(handle);
  return { issuer: 'free-tier', seq_no, expires_in_secs: 0, capacity_bytes, verified: false };
}

/** The control-plane binding a file carries, when another program wrote one. */
export async function getMemoryBinding(handle: Handle): Promise<MemoryBinding | null> {
  handle.assertOpen('getMemoryBinding');
  const all = (await stats(handle)) as { memory_binding?: MemoryBinding | null };
  return all.memory_binding ?? null;
}
