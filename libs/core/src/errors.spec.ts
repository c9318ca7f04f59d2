import { describe, expect, it } from 'vitest';
import { ControlPlaneError, ERROR_STATUS, invalid, unreachable } from './errors.js';

describe('ERROR_STATUS', () => {
  it.each(Object.entries(ERROR_STATUS))('%s has an HTTP error status and a gRPC code', (_, { http, grpc }) => {
    expect(http).toBeGreaterThanOrEqual(400);
    expect(http).toBeLessThan(600);
    // 1 to 16: the codes that gRPC defines beside OK.
    expect(grpc).toBeGreaterThanOrEqual(1);
    expect(grpc).toBeLessThanOrEqual(16);
  });

  it('blames the server in both worlds or in neither', () => {
    const [unimplemented, internal, unavailable] = [12, 13, 14];
    for (const { http, grpc } of Object.values(ERROR_STATUS)) {
      expect(http >= 500).toBe([unimplemented, internal, unavailable].includes(grpc));
    }
  });
});

describe('ControlPlaneError', () => {
  it('carries its code, message and, when there are some, violations and cause', () => {
    const cause = new Error('disk full');
    const violations = [{ field: 'mesh', reason: 'cannot be empty' }];
    const error = new ControlPlaneError('unavailable', 'the store cannot be reached', { cause, violations });
    expect(error).toMatchObject({ name: 'ControlPlaneError', code: 'unavailable', violations, cause });
    expect(error.message).toBe('the store cannot be reached');
    expect(error).toBeInstanceOf(Error);
  });

  it('has no cause and no violations when none are given', () => {
    const error = new ControlPlaneError('not_found', 'mesh "default" is not found');
    expect(Object.hasOwn(error, 'cause')).toBe(false);
    expect(error.violations).toEqual([]);
  });

  it('is named after its subclass', () => {
    class SigningKeyNotFound extends ControlPlaneError {}
    expect(new SigningKeyNotFound('signing_key_not_found', 'no key').name).toBe('SigningKeyNotFound');
  });
});

describe('ControlPlaneError.from', () => {
  it('passes an error of ours through', () => {
    const error = new ControlPlaneError('conflict', 'version is stale');
    expect(ControlPlaneError.from(error)).toBe(error);
  });

  it('makes anything else internal and keeps it as the cause', () => {
    const thrown = new TypeError('x is not a function');
    expect(ControlPlaneError.from(thrown)).toMatchObject({
      code: 'internal',
      message: 'x is not a function',
      cause: thrown,
    });
  });

  it.each([['text'], [undefined], [null], [7], [{}], [Symbol('odd')]])(
    'survives what is not an Error: %o',
    (thrown) => {
      expect(ControlPlaneError.from(thrown).code).toBe('internal');
    },
  );
});

describe('invalid', () => {
  it('names each field and what is allowed there', () => {
    const violations = [
      { field: 'name', reason: 'cannot be empty' },
      { field: 'tags["kuma.io/service"]', reason: 'must have a value' },
    ];
    const error = invalid(...violations);
    expect(error).toMatchObject({ code: 'invalid', violations });
    expect(error.message).toBe(
      'resource is not valid: name: cannot be empty; tags["kuma.io/service"]: must have a value',
    );
  });
});

describe('unreachable', () => {
  it('throws, naming the value', () => {
    expect(() => unreachable('zone-egress' as never)).toThrow(new TypeError('unexpected value "zone-egress"'));
  });
});
