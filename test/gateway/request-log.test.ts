import assert from 'node:assert/strict';
import { configMapKind } from '../../runtime/apis/core/types.ts';
import { compileRequestLog, requestLogOf } from '../../runtime/gateway/request-log.ts';
import { eventually, fetchText, World } from './world.ts';

const host = 'hello.shop-dev.localhost';

describe('request log', () => {
  it('refuses templates that it does not understand, and an empty one', () => {
    assert.throws(() => compileRequestLog('{{.Request.Nothing}}'), /\.Request\.Nothing/);
    assert.throws(() => compileRequestLog('{{.Request.Method'), /does not end/);
    assert.throws(() => compileRequestLog('{{range .Request.Header}}'), /range/);
    assert.throws(
      () =>
        requestLogOf({ 'logging.enable-request-log': 'true', 'logging.request-log-template': '' }),
      /set to empty/,
    );
    assert.equal(requestLogOf({ 'logging.request-log-template': '{{.Response.Code}}' }), undefined);
  });

  describe('of a gateway', () => {
    let world: World;
    let lines: string[];
    beforeEach(async () => {
      lines = [];
      world = await World.start({ writeRequestLog: (line) => lines.push(line) });
      world.addService('hello');
      world.addPod(
        'hello-00001',
        await world.upstream((_, response) => void response.end('12345')),
      );
      await eventually(() => world.isIngressReady('hello'));
    });
    afterEach(() => world.close());

    const configure = (data: Record<string, string>): void => {
      world.api.put(configMapKind, {
        metadata: { name: 'config-observability', namespace: 'knative-serving' },
        data,
      });
    };
    const ask = () =>
      fetchText(world.port, {
        path: '/a?"b"',
        headers: {
          Host: host,
          'User-Agent': 'te"st\\',
          traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
        },
      });

    it("has Knative's fields as JSON, whatever clients send, and is off until it is asked for", async () => {
      await ask();
      assert.deepEqual(lines, []);
      configure({ 'logging.enable-request-log': 'true' });
      while (lines.length === 0) await ask();
      const { httpRequest, traceId } = JSON.parse(lines[0]!) as {
        httpRequest: Record<string, string | number>;
        traceId: string;
      };
      assert.equal(traceId, '0af7651916cd43dd8448eb211c80319c');
      assert.equal(httpRequest['requestMethod'], 'GET');
      assert.equal(httpRequest['requestUrl'], '/a?"b"');
      assert.equal(httpRequest['status'], 200);
      assert.equal(httpRequest['responseSize'], '5');
      assert.equal(httpRequest['userAgent'], 'te"st\\');
      assert.equal(httpRequest['remoteIp'], '127.0.0.1');
      assert.equal(httpRequest['serverIp'], '127.0.0.1');
      assert.match(String(httpRequest['latency']), /^[0-9.]+s$/);
    });

    it('follows the template, and keeps the last one that was right', async () => {
      const template =
        '{{.Revision.Namespace}}/{{.Revision.Name}} {{index .Request.Header "Host"}}';
      configure({
        'logging.enable-request-log': 'true',
        'logging.request-log-template': template,
      });
      while (lines.length === 0) await ask();
      assert.equal(lines[0], `shop-dev/hello-00001 [${host}]\n`);
      configure({ 'logging.enable-request-log': 'true', 'logging.request-log-template': '{{x}}' });
      const count = lines.length;
      await ask();
      assert.equal(lines[count], lines[0]);
    });
  });
});
