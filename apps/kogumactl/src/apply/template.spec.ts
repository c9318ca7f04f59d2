import { describe, expect, it } from 'vitest';
import { render } from './template.js';

describe('a template', () => {
  it('is filled in with what is given for its variables, as it is', () => {
    expect(render('data: {{ key }}\nname: {{name}}', { key: 'a+b/c=="<&>"', name: 'x' })).toBe(
      'data: a+b/c=="<&>"\nname: x',
    );
  });

  it('has names whose dots lead inwards, as in Kuma', () => {
    expect(render('{{ a.b }} {{ a.c.d }} {{ e }}', { 'a.b': '1', 'a.c.d': '2', e: '3' })).toBe('1 2 3');
  });

  it('has sections, which may be about what is not given', () => {
    expect(render('{{#on}}yes {{ on }}{{/on}}{{^off}} no{{/off}}', { on: 'x' })).toBe('yes x no');
  });

  it('is refused when a variable has no value, each named once', () => {
    expect(() => render('{{ a }} {{ b.c }} {{ a }}{{#x}}{{{ d }}}{{/x}}', { b: 'only b' })).toThrow(
      expect.objectContaining({
        message: 'no value is given for {{ a }}, {{ b.c }}, {{ d }}',
        todo: 'Give each one: --var a=VALUE --var b.c=VALUE --var d=VALUE',
      }) as Error,
    );
  });

  it('takes no member of every object for a value', () => {
    expect(() => render('{{ constructor }}', { a: 'x' })).toThrow('no value is given for {{ constructor }}');
    expect(render('{{ __proto__.a }}', { '__proto__.a': 'x' })).toBe('x');
    expect({}).not.toHaveProperty('a');
  });

  it('is refused when it is broken', () => {
    expect(() => render('{{ a', { a: 'x' })).toThrow('the template cannot be read: Unclosed tag');
  });
});
