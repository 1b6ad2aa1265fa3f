import { reading } from './border.js';
import { isRecord, optionalOneOf, optionalString, optionalStrings, recordOf, type Options } from './check.js';
import { invalidInput } from '@memvid/core';

/** Who is asking. Needed with `aclEnforcementMode: "enforce"`. */
export interface AclContextInput {
  tenantId?: string | undefined;
  subjectId?: string | undefined;
  roles?: readonly string[] | undefined;
  groupIds?: readonly string[] | undefined;
}

export interface AclOptions {
  aclContext?: AclContextInput | undefined;
  /** `"audit"` (default) hides nothing; `"enforce"` shows only what the context may read. */
  aclEnforcementMode?: 'audit' | 'enforce' | undefined;
}

/** The metadata keys under which a frame carries its access rule. */
export interface AclMetadata {
  acl_tenant_id: string;
  acl_visibility: 'public' | 'restricted';
  acl_read_roles?: string[];
  acl_read_groups?: string[];
  acl_read_principals?: string[];
  acl_resource_id?: string;
  acl_policy_version?: string;
}

/** A tenant and what of it a caller or a document belongs to. */
export interface AclScope extends AclContextInput {
  visibility?: 'public' | 'restricted' | undefined;
  readRoles?: readonly string[] | undefined;
  readGroups?: readonly string[] | undefined;
  readPrincipals?: readonly string[] | undefined;
  resourceId?: string | undefined;
  policyVersion?: string | undefined;
}

/** The context to enforce, or `undefined` when nothing is to be hidden. */
export function aclOf(options: Options): AclContextInput | undefined {
  const mode = optionalOneOf(options['aclEnforcementMode'], 'aclEnforcementMode', ['audit', 'enforce']);
  const context = options['aclContext'] ?? undefined;
  const expected = 'an object { tenantId, subjectId?, roles?, groupIds? }';
  const checked: AclContextInput =
    context === undefined ? {} : contextOf(recordOf(context, 'aclContext', expected), 'aclContext');
  if (mode !== 'enforce') return undefined;
  if (checked.tenantId === undefined || checked.tenantId.trim() === '') {
    throw invalidInput(
      'aclContext.tenantId',
      checked.tenantId,
      'a tenant: aclEnforcementMode "enforce" needs one',
    );
  }
  return checked;
}

function contextOf(context: Options, argument: string): AclContextInput {
  const roles = optionalStrings(context['roles'], `${argument}.roles`);
  const groupIds = optionalStrings(context['groupIds'], `${argument}.groupIds`);
  return {
    tenantId: optionalString(context['tenantId'], `${argument}.tenantId`),
    subjectId: optionalString(context['subjectId'], `${argument}.subjectId`),
    ...(roles ? { roles } : {}),
    ...(groupIds ? { groupIds } : {}),
  };
}

/** Whether a frame with this metadata may be read in this context. No rule on the frame means no. */
export function aclAllows(metadata: unknown, context: AclContextInput): boolean {
  if (!isRecord(metadata)) return false;
  if (word(metadata['acl_tenant_id']) !== word(context.tenantId) || word(context.tenantId) === '') {
    return false;
  }
  const visibility = word(metadata['acl_visibility']);
  if (visibility === 'public') return true;
  if (visibility !== 'restricted') return false;
  return (
    overlaps(metadata['acl_read_principals'], context.subjectId === undefined ? [] : [context.subjectId]) ||
    overlaps(metadata['acl_read_roles'], context.roles ?? []) ||
    overlaps(metadata['acl_read_groups'], context.groupIds ?? [])
  );
}

function overlaps(allowed: unknown, own: readonly string[]): boolean {
  const names = new Set(own.map(word).filter((name) => name !== ''));
  return listOf(allowed).some((name) => names.has(word(name)));
}

/** A list as JSON array or, as the reference writes it, as the text of one. */
function listOf(value: unknown): unknown[] {
  if (Array.isArray(value)) return value;
  if (typeof value !== 'string') return [];
  try {
    const parsed: unknown = JSON.parse(value);
    return Array.isArray(parsed) ? parsed : [];
  } catch {
    return [];
  }
}

/** Names are compared trimmed, without one pair of JSON quotes, in lower case. */
function word(value: unknown): string {
  if (typeof value !== 'string') return '';
  const trimmed = value.trim();
  const bare =
    trimmed.length > 1 && trimmed.startsWith('"') && trimmed.endsWith('"') ? trimmed.slice(1, -1) : trimmed;
  return bare.trim().toLowerCase();
}

/** The `aclContext` of a scope: its tenant, subject, roles and groups. */
export function aclContextFromScope(scope: AclScope): AclContextInput {
  const checked = reading('scope', () => contextOf(scopeOf(scope), 'scope'));
  return { ...checked, roles: [...(checked.roles ?? [])], groupIds: [...(checked.groupIds ?? [])] };
}

/** The metadata to `put` with a document so that only the scope may read it. */
export function aclMetadataFromScope(scope: AclScope): AclMetadata {
  return reading('scope', () => metadataFromScope(scope));
}

function metadataFromScope(scope: AclScope): AclMetadata {
  const options = scopeOf(scope);
  const at = 'scope';
  const tenant = optionalString(options['tenantId'], `${at}.tenantId`);
  if (tenant === undefined || tenant.trim() === '') {
    throw invalidInput(`${at}.tenantId`, tenant, 'a tenant name');
  }
  const subject = optionalString(options['subjectId'], `${at}.subjectId`);
  const roles = optionalStrings(options['readRoles'] ?? options['roles'], `${at}.readRoles`);
  const groups = optionalStrings(options['readGroups'] ?? options['groupIds'], `${at}.readGroups`);
  const principals =
    optionalStrings(options['readPrincipals'], `${at}.readPrincipals`) ??
    (subject === undefined ? undefined : [subject]);
  const visibility = optionalOneOf(options['visibility'], `${at}.visibility`, ['public', 'restricted']);
  const resource = optionalString(options['resourceId'], `${at}.resourceId`);
  const version = optionalString(options['policyVersion'], `${at}.policyVersion`);
  return {
    acl_tenant_id: tenant,
    acl_visibility: visibility ?? 'restricted',
    ...(roles ? { acl_read_roles: roles } : {}),
    ...(groups ? { acl_read_groups: groups } : {}),
    ...(principals ? { acl_read_principals: principals } : {}),
    ...(resource === undefined ? {} : { acl_resource_id: resource }),
    ...(version === undefined ? {} : { acl_policy_version: version }),
  };
}

function scopeOf(scope: unknown): Options {
  return recordOf(scope, 'scope', 'an object { tenantId, … }');
}
