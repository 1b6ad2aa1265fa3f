import { describe, expect, it } from 'vitest';
import { aclAllows, aclOf } from '../src/acl.ts';
import { aclContextFromScope, aclMetadataFromScope } from '../src/index.ts';

const restricted = { acl_tenant_id: 'acme', acl_visibility: 'restricted', acl_read_roles: ['Editor'] };

describe('aclOf', () => {
  it('hides nothing in audit mode, the default', () => {
    expect(aclOf({ aclContext: { tenantId: 'acme' } })).toBeUndefined();
    expect(aclOf({ aclEnforcementMode: 'audit' })).toBeUndefined();
  });

  it('needs a tenant to enforce', () => {
    for (const aclContext of [undefined, {}, { tenantId: ' ' }, { subjectId: 'u1' }]) {
      expect(() => aclOf({ aclContext, aclEnforcementMode: 'enforce' })).toThrow(
        expect.objectContaining({
          code: 'MV019',
          details: expect.objectContaining({ argument: 'aclContext.tenantId' }),
        }),
      );
    }
    expect(
      aclOf({ aclContext: { tenantId: 'acme', roles: ['a'] }, aclEnforcementMode: 'enforce' }),
    ).toMatchObject({
      tenantId: 'acme',
      roles: ['a'],
    });
  });

  it('refuses an unknown mode and contexts of the wrong shape', () => {
    expect(() => aclOf({ aclEnforcementMode: 'strict' })).toThrow(/"audit", "enforce"/);
    expect(() => aclOf({ aclContext: 'acme' })).toThrow(expect.objectContaining({ code: 'MV019' }));
    expect(() => aclOf({ aclContext: { roles: 'admin' } })).toThrow(/aclContext\.roles/);
  });
});

describe('aclAllows', () => {
  it.each([
    [{ acl_tenant_id: 'acme', acl_visibility: 'public' }, { tenantId: 'ACME ' }, true],
    [restricted, { tenantId: 'acme', roles: ['editor'] }, true],
    [restricted, { tenantId: 'acme', roles: ['viewer'] }, false],
    [restricted, { tenantId: 'other', roles: ['editor'] }, false],
    [{ ...restricted, acl_read_principals: '["u1"]' }, { tenantId: '"acme"', subjectId: 'u1' }, true],
    [{ ...restricted, acl_read_groups: ['g'] }, { tenantId: 'acme', groupIds: ['g'] }, true],
    [{}, { tenantId: 'acme' }, false],
    [undefined, { tenantId: 'acme' }, false],
    [{ acl_tenant_id: 'acme', acl_visibility: 'odd' }, { tenantId: 'acme' }, false],
  ])('%j for %j: %s', (metadata, context, allowed) => {
    expect(aclAllows(metadata, context)).toBe(allowed);
  });
});

describe('scope helpers', () => {
  it('give a context and metadata that fit each other', () => {
    const scope = { tenantId: 'acme', subjectId: 'u1', roles: ['editor'], groupIds: ['g'] };
    const metadata = aclMetadataFromScope(scope);
    expect(metadata).toEqual({
      acl_tenant_id: 'acme',
      acl_visibility: 'restricted',
      acl_read_roles: ['editor'],
      acl_read_groups: ['g'],
      acl_read_principals: ['u1'],
    });
    expect(aclContextFromScope(scope)).toEqual(scope);
    expect(aclAllows(metadata, aclContextFromScope(scope))).toBe(true);
    expect(aclAllows(metadata, aclContextFromScope({ tenantId: 'acme' }))).toBe(false);
  });

  it('refuse a scope without a tenant', () => {
    expect(() => aclMetadataFromScope({} as never)).toThrow(/scope\.tenantId/);
    expect(() => aclContextFromScope(null as never)).toThrow(expect.objectContaining({ code: 'MV019' }));
  });
});
