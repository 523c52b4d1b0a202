// A stand-in for DynamoDB: dynalite, which AWS's own client speaks to, and before it what AWS cannot be asked to do:
// to fail.

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import {
  type AttributeValue,
  CreateTableCommand,
  DynamoDBClient,
  PutItemCommand,
} from "@aws-sdk/client-dynamodb";
import dynalite from "dynalite";

/** Answers the request, or leaves it open; returns whether the stand-in should answer it as DynamoDB does. */
export type Fault = (request: IncomingMessage, response: ServerResponse) => boolean;

export interface StandInDynamoDb {
  /** The variables by which AWS's client finds it. */
  readonly environment: Readonly<Record<string, string>>;
  /** The operations asked for so far. */
  readonly asked: string[];
  /** Comes before every answer; undefined for none. */
  fault: Fault | undefined;
  createTable(table: string, hashKey: string): Promise<void>;
  put(table: string, item: Readonly<Record<string, AttributeValue>>): Promise<void>;
  stop(): Promise<void>;
}

export async function startDynamoDb(port = 0): Promise<StandInDynamoDb> {
  const database = dynalite({ createTableMs: 0 });
  const asked: string[] = [];
  let fault: Fault | undefined;
  const server = createServer((request, response) => {
    asked.push(String(request.headers["x-amz-target"]).replace(/^.*\./, ""));
    if (fault === undefined || fault(request, response)) database.emit("request", request, response);
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const credentials = { accessKeyId: "test", secretAccessKey: "test" };
  // A connection that was kept could be closed by the server at the moment of the next request.
  const requestHandler = { httpAgent: { keepAlive: false } };
  const client = new DynamoDBClient({ endpoint, region: "eu-central-1", credentials, requestHandler });
  return {
    environment: {
      AWS_ENDPOINT_URL_DYNAMODB: endpoint,
      AWS_REGION: "eu-central-1",
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    },
    asked,
    get fault() {
      return fault;
    },
    set fault(next) {
      fault = next;
    },
    async createTable(table, hashKey) {
      await client.send(
        new CreateTableCommand({
          TableName: table,
          AttributeDefinitions: [{ AttributeName: hashKey, AttributeType: "S" }],
          KeySchema: [{ AttributeName: hashKey, KeyType: "HASH" }],
          BillingMode: "PAY_PER_REQUEST",
        }),
      );
    },
    async put(table, item) {
      await client.send(new PutItemCommand({ TableName: table, Item: { ...item } }));
    },
    async stop() {
      client.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** DynamoDB's answer that it will not, with this error of its own. */
export function refusing(type: string, status = 400): Fault {
  return (request, response) => {
    request.resume();
    response.writeHead(status, { "content-type": "application/x-amz-json-1.0" });
    response.end(JSON.stringify({ __type: `com.amazonaws.dynamodb.v20120810#${type}`, message: type }));
    return false;
  };
}

export const hanging: Fault = (request) => {
  request.resume();
  return false;
};

export const resetting: Fault = (request) => {
  request.socket.resetAndDestroy();
  return false;
};

/** The head of an answer, and half of its body. */
export const cuttingOff: Fault = (request, response) => {
  request.resume();
  response.writeHead(200, { "content-type": "application/x-amz-json-1.0", "content-length": "100" });
  response.write('{"Item":{"id":{"S":', () => request.socket.destroy());
  return false;
};

/** The same, whereupon the connection stays open. */
export const stalling: Fault = (request, response) => {
  request.resume();
  response.writeHead(200, { "content-type": "application/x-amz-json-1.0", "content-length": "100" });
  response.write('{"Item":{"id":{"S":');
  return false;
};

export const talkingNonsense: Fault = (request, response) => {
  request.resume();
  response.end("<html>It works!</html>");
  return false;
};
