/**
 * A request as authorization sees it: verb, resource or path. Pure.
 * Source: k8s.io/apiserver pkg/endpoints/request/requestinfo.go and
 * pkg/endpoints/handlers/responsewriters/errors.go (words of the refusal).
 */
import { isTrue } from '../query-flag.ts';
import { parseResourcePath } from '../request-path.ts';
import { formatGroupResource, StatusError } from '../status-error.ts';
import type { UserInfo } from './user-info.ts';

export interface ResourceAttributes {
  readonly isResource: true;
  /** `get`, `list`, `watch`, `create`, ..., or any other word that a rule may name. */
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  /** Empty for the object itself. */
  readonly subresource: string;
  /** Empty for cluster-scoped resources and for all namespaces. */
  readonly namespace: string;
  /** Empty for collections. */
  readonly name: string;
}

export interface PathAttributes {
  readonly isResource: false;
  readonly verb: string;
  readonly path: string;
}

export type RequestAttributes = ResourceAttributes | PathAttributes;

const verbs: Readonly<Record<string, string>> = {
  POST: 'create',
  GET: 'get',
  HEAD: 'get',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
};

/** @throws {StatusError} 400 or 404 for a path that cannot be read. */
export function attributesOf(
  method: string,
  path: string,
  query: Readonly<Record<string, string>>,
): RequestAttributes {
  const target = parseResourcePath(path);
  if (!target) return { isResource: false, verb: method.toLowerCase(), path };
  const { group, plural, subresource = '' } = target;
  let verb = verbs[method] ?? '';
  let { name = '' } = target;
  if (name === '' && verb === 'get') {
    // A read that selects one object by its name is allowed where that object may be read.
    name = selectedName(query['fieldSelector']);
    verb = isTrue(query['watch']) ? 'watch' : 'list';
  } else if (name === '' && verb === 'delete') verb = 'deletecollection';
  if (target.isWatch) verb = 'watch';
  // A namespace is a thing in itself, so that a role in it may allow to read it.
  const isNamespace = group === '' && plural === 'namespaces';
  const namespace = target.namespace ?? (isNamespace ? (target.name ?? '') : '');
  return { isResource: true, verb, group, resource: plural, subresource, namespace, name };
}

function selectedName(selector: string | undefined): string {
  if (!selector) return '';
  const match = /(?:^|,)metadata\.name==?([^,=!]+)(?:,|$)/.exec(selector);
  return match?.[1] ?? '';
}

/** The refusal, word for word as upstream's. @param reason appended where there is one. */
export function forbidden(user: UserInfo, attributes: RequestAttributes, reason = ''): StatusError {
  const end = reason === '' ? '' : `: ${reason}`;
  const who = `User ${quote(user.name)} cannot ${attributes.verb}`;
  if (!attributes.isResource)
    return new StatusError({
      code: 403,
      reason: 'Forbidden',
      message: `forbidden: ${escapeHtml(`${who} path ${quote(attributes.path)}`)}${end}`,
      details: {},
    });
  const { group, resource, subresource, namespace, name } = attributes;
  const what = subresource === '' ? resource : `${resource}/${subresource}`;
  const where = namespace === '' ? 'at the cluster scope' : `in the namespace ${quote(namespace)}`;
  const problem = `${who} resource ${quote(what)} in API group ${quote(group)} ${where}`;
  const subject = formatGroupResource({ group, plural: resource });
  return new StatusError({
    code: 403,
    reason: 'Forbidden',
    message: `${subject}${name === '' ? '' : ` ${quote(name)}`} is forbidden: ${escapeHtml(problem)}${end}`,
    details: {
      ...(name === '' ? {} : { name }),
      ...(group === '' ? {} : { group }),
      kind: resource,
    },
  });
}

const quote = (text: string): string => JSON.stringify(text);

/** A browser must not take a user's name for a page. */
const escapeHtml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
