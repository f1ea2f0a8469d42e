// The variables that a dashboard's file has.

import { choicesOf, type Choice, type Variable } from './variables.ts';

type Loose = any;

const listed = (value: Loose): string[] => (Array.isArray(value) ? value : value == null || value === '' ? [] : [value]).map(String);

/** Sources of data are this server; filters made on the fly are left out. */
export function readVariables(given: Loose[], leave: (what: string, whose: string) => void): Variable[] {
  return given.flatMap((one): Variable[] => {
    const name = String(one?.name ?? '');
    const query = String(one?.query?.query ?? (typeof one?.query === 'string' ? one.query : (one?.definition ?? '')));
    const common = {
      name,
      label: String(one?.label || name),
      query,
      regex: String(one?.regex ?? ''),
      sort: Number(one?.sort ?? 0),
      multi: one?.multi === true,
      all: one?.includeAll === true,
      allValue: String(one?.allValue ?? ''),
      hidden: one?.hide === 2,
      usual: listed(one?.current?.value).filter((value) => value !== ''),
      choices: [] as Choice[],
    };
    switch (one?.type) {
      case 'query':
        return [{ ...common, kind: 'query' }];
      case 'custom':
        return [{ ...common, kind: 'given', choices: choicesOf(query) }];
      case 'interval': {
        const auto = one.auto === true ? [{ text: 'auto', value: '$__interval' }] : [];
        return [{ ...common, kind: 'given', choices: [...auto, ...choicesOf(query)], multi: false, all: false }];
      }
      case 'constant':
        return [{ ...common, kind: 'text', hidden: true, usual: [query] }];
      case 'textbox':
        return [{ ...common, kind: 'text' }];
      case 'datasource':
        return [{ ...common, kind: 'text', hidden: true, usual: ['weir'], multi: false, all: false }];
      default:
        leave(`variables of the type “${String(one?.type)}”`, name);
        return [];
    }
  });
}
