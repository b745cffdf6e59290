// A program with FC's Node SDK of 2023-03-30 that is given a region and no endpoint.
'use strict';

const { $OpenApiUtil } = require('@alicloud/openapi-core');
const FC = require('@alicloud/fc20230330');

const config = { accessKeyId: 'test', accessKeySecret: 'test', regionId: 'cn-shanghai', network: process.argv[2] };
const client = new FC.default(new $OpenApiUtil.Config(config));
client.getFunction('hello', new FC.GetFunctionRequest({})).then(
  (answer) => console.log(answer.body.handler),
  (error) => {
    console.log(error.message);
    process.exitCode = 1;
  },
);
