// Runs one of the released SDKs: node client.js PACKAGE HOST:PORT. Reads operations as lines of JSON, writes answers as such
// lines; both have the fields of asked.py.
'use strict';

const readline = require('readline');

const [, , name, endpoint] = process.argv;
const ACCOUNT = '1234567890123456';
const REGION = 'cn-hangzhou';
const WAIT = 10000;

function lower(headers) {
  return Object.fromEntries(Object.entries(headers || {}).map(([key, value]) => [key.toLowerCase(), value]));
}

// @alicloud/fc2: every method has its own order of arguments.
function fc2() {
  const FC = require('@alicloud/fc2');
  const client = new FC(ACCOUNT, {
    accessKeyID: 'test', accessKeySecret: 'test', region: REGION, endpoint: `http://${endpoint}`, timeout: WAIT,
  });
  const calls = {
    CreateService: (p, q, b, h) => client.createService(b.serviceName, b, h),
    GetService: (p, q, b, h) => client.getService(p.serviceName, h, q.qualifier),
    ListServices: (p, q, b, h) => client.listServices(q, h),
    DeleteService: (p, q, b, h) => client.deleteService(p.serviceName, h),
    CreateFunction: (p, q, b, h) => client.createFunction(p.serviceName, b, h),
    GetFunction: (p, q, b, h) => client.getFunction(p.serviceName, p.functionName, h, q.qualifier),
    GetFunctionCode: (p, q, b, h) => client.getFunctionCode(p.serviceName, p.functionName, h, q.qualifier),
    UpdateFunction: (p, q, b, h) => client.updateFunction(p.serviceName, p.functionName, b, h),
    ListFunctions: (p, q, b, h) => client.listFunctions(p.serviceName, q, h),
    DeleteFunction: (p, q, b, h) => client.deleteFunction(p.serviceName, p.functionName, {}, h),
    InvokeFunction: (p, q, b, h, event) =>
      client.invokeFunction(p.serviceName, p.functionName, event, h, q.qualifier, { rawBuf: true }),
    PublishVersion: (p, q, b, h) => client.publishVersion(p.serviceName, b.description, h),
    ListVersions: (p, q, b, h) => client.listVersions(p.serviceName, q, h),
    DeleteVersion: (p, q, b, h) => client.deleteVersion(p.serviceName, p.versionId, h),
    CreateAlias: (p, q, b, h) => client.createAlias(p.serviceName, b.aliasName, b.versionId, b, h),
    GetAlias: (p, q, b, h) => client.getAlias(p.serviceName, p.aliasName, h),
    UpdateAlias: (p, q, b, h) => client.updateAlias(p.serviceName, p.aliasName, b.versionId, b, h),
    ListAliases: (p, q, b, h) => client.listAliases(p.serviceName, q, h),
    DeleteAlias: (p, q, b, h) => client.deleteAlias(p.serviceName, p.aliasName, h),
    CreateTrigger: (p, q, b, h) => client.createTrigger(p.serviceName, p.functionName, b, h),
    GetTrigger: (p, q, b, h) => client.getTrigger(p.serviceName, p.functionName, p.triggerName, h),
    UpdateTrigger: (p, q, b, h) => client.updateTrigger(p.serviceName, p.functionName, p.triggerName, b, h),
    ListTriggers: (p, q, b, h) => client.listTriggers(p.serviceName, p.functionName, q, h),
    DeleteTrigger: (p, q, b, h) => client.deleteTrigger(p.serviceName, p.functionName, p.triggerName, {}, h),
    PutFunctionAsyncInvokeConfig: (p, q, b, h) =>
      client.putFunctionAsyncConfig(p.serviceName, p.functionName, q.qualifier, b, h),
    GetFunctionAsyncInvokeConfig: (p, q, b, h) =>
      client.getFunctionAsyncConfig(p.serviceName, p.functionName, q.qualifier, h),
    DeleteFunctionAsyncInvokeConfig: (p, q, b, h) =>
      client.deleteFunctionAsyncConfig(p.serviceName, p.functionName, q.qualifier, h),
    CreateCustomDomain: (p, q, b, h) => client.createCustomDomain(b.domainName, b, h),
    GetCustomDomain: (p, q, b, h) => client.getCustomDomain(p.domainName, h),
    UpdateCustomDomain: (p, q, b, h) => client.updateCustomDomain(p.domainName, b, h),
    ListCustomDomains: (p, q, b, h) => client.listCustomDomains(q, h),
    DeleteCustomDomain: (p, q, b, h) => client.deleteCustomDomain(p.domainName, h),
    PublishLayerVersion: (p, q, b, h) => client.publishLayerVersion(p.layerName, b, h),
    GetLayerVersion: (p, q, b, h) => client.getLayerVersion(p.layerName, p.version, q, h),
    ListLayers: (p, q, b, h) => client.listLayers(q, h),
    DeleteLayerVersion: (p, q, b, h) => client.deleteLayerVersion(p.layerName, p.version, h),
    TagResource: (p, q, b, h) => client.tagResource(b.resourceArn, b.tags, {}, h),
    GetResourceTags: (p, q, b, h) => client.getResourceTags(q, h),
    UntagResource: (p, q, b, h) => client.untagResource(b.resourceArn, b.tagKeys, false, {}, h),
    PutProvisionConfig: (p, q, b, h) => client.putProvisionConfig(p.serviceName, p.functionName, q.qualifier, b, h),
    GetProvisionConfig: (p, q, b, h) => client.getProvisionConfig(p.serviceName, p.functionName, q.qualifier, h),
  };
  return async (asked) => {
    if (!calls[asked.call]) throw new Error(`client.js has no ${asked.call}`);
    try {
      const { headers, data } = await calls[asked.call](asked.path, asked.query, asked.body, asked.headers, asked.event);
      if (Buffer.isBuffer(data)) return { text: data.toString(), headers };
      return { document: data || null, headers };
    } catch (error) {
      const status = / failed with (\d+)\. requestid: /.exec(error.message);
      if (!status) throw error;
      return { status: Number(status[1]), code: error.code, message: error.message };
    }
  };
}

// @alicloud/fc20230330: generated; a request's model is named like its operation.
function fc3() {
  const FC = require('@alicloud/fc20230330');
  const { $OpenApiUtil } = require('@alicloud/openapi-core');
  const $dara = require('@darabonba/typescript');
  const client = new FC.default(new $OpenApiUtil.Config({
    accessKeyId: 'test', accessKeySecret: 'test', endpoint, protocol: 'http', regionId: REGION,
  }));
  const runtime = new $dara.RuntimeOptions({ readTimeout: WAIT, connectTimeout: WAIT });
  const invoke = 'InvokeFunction';
  return async (asked) => {
    const body = { ...asked.body };
    if (body.triggerConfig) body.triggerConfig = JSON.stringify(body.triggerConfig);
    const given = [...Object.values(asked.path)];
    const Request = FC[`${asked.call}Request`];
    if (Request) {
      const request = $dara.cast({ ...asked.query, body: asked.call === invoke ? undefined : body }, new Request({}));
      if (asked.call === invoke) request.body = new $dara.BytesReadable(asked.event || '');
      given.push(request);
    }
    const Headers = FC[`${asked.call}Headers`];
    given.push(Headers ? new Headers({ commonHeaders: asked.headers }) : asked.headers);
    const method = `${asked.call[0].toLowerCase()}${asked.call.slice(1)}WithOptions`;
    try {
      const response = await client[method](...given, runtime);
      const headers = lower(response.headers);
      if (asked.call !== invoke) {
        return { document: response.body ? response.body.toMap() : null, headers, status: response.statusCode };
      }
      const pieces = [];
      for await (const piece of response.body) pieces.push(piece);
      return { text: Buffer.concat(pieces).toString(), headers, status: response.statusCode };
    } catch (error) {
      if (!error.statusCode) throw error;
      return { status: error.statusCode, code: error.code, message: error.message };
    }
  };
}

async function main() {
  const ask = { '@alicloud/fc2': fc2, '@alicloud/fc20230330': fc3 }[name]();
  for await (const line of readline.createInterface({ input: process.stdin })) {
    process.stdout.write(`${JSON.stringify(await ask(JSON.parse(line)))}\n`);
  }
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
