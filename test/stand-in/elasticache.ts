// A stand-in for the ElastiCache API, which cannot be had on a test's machine: its Query protocol over HTTP, a form in
// and XML out, for the one action that is asked. AWS's SDK is pointed at it by AWS_ENDPOINT_URL_ELASTICACHE.

import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface StandInNode {
  readonly id: string;
  readonly status?: string;
  /** A node that is being made has none yet. */
  readonly host?: string;
  readonly port?: number;
}

export interface StandInCluster {
  readonly id: string;
  readonly engine?: string;
  readonly status?: string;
  /** As many as there are nodes unless given. */
  readonly nodeCount?: number;
  readonly isEncrypted?: boolean;
  readonly nodes: readonly StandInNode[];
}

export type ApiReply = (form: URLSearchParams, response: ServerResponse) => void;

export interface ElastiCacheStandIn {
  /** The variables that send the SDK here. */
  readonly env: Readonly<Record<string, string>>;
  /** The forms of the requests so far. */
  readonly forms: URLSearchParams[];
  /** What the next requests get. */
  reply: ApiReply;
  stop(): Promise<void>;
}

/** Starts it on a port of its own. It takes signed requests only, as AWS does. */
export async function startElastiCache(reply: ApiReply): Promise<ElastiCacheStandIn> {
  const forms: URLSearchParams[] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (text: string) => {
      body += text;
    });
    request.on("end", () => {
      const form = new URLSearchParams(body);
      forms.push(form);
      const scope = /^AWS4-HMAC-SHA256 Credential=[^,]*\/eu-central-1\/elasticache\/aws4_request, /;
      const isSigned = scope.test(request.headers.authorization ?? "");
      const isAction = form.get("Action") === "DescribeCacheClusters" && form.get("Version") === "2015-02-02";
      if (!isSigned) refuse(403, "MissingAuthenticationToken")(form, response);
      else if (request.method !== "POST" || !isAction) refuse(400, "InvalidAction")(form, response);
      else standIn.reply(form, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const standIn: ElastiCacheStandIn = {
    env: {
      AWS_ENDPOINT_URL_ELASTICACHE: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      AWS_REGION: "eu-central-1",
      AWS_ACCESS_KEY_ID: "AKIDEXAMPLE",
      AWS_SECRET_ACCESS_KEY: "secret",
      // Node 20, which the project can be developed with, gets no new SDK from 2027 on: the SDK says so on stderr.
      AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: "true",
    },
    forms,
    reply,
    stop: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
  return standIn;
}

/** Describes the cluster of the id that is asked for, or says that there is none. */
export function describing(...clusters: readonly StandInCluster[]): ApiReply {
  return (form, response) => {
    const asked = form.get("CacheClusterId")?.toLowerCase();
    const found = clusters.filter(({ id }) => id.toLowerCase() === asked);
    if (found.length === 0) refuse(404, "CacheClusterNotFound")(form, response);
    else sendXml(response, 200, describeXml(found, form.get("ShowCacheNodeInfo") === "true"));
  };
}

export function refuse(status: number, code: string): ApiReply {
  const detail = `<Type>Sender</Type><Code>${code}</Code><Message>secret detail</Message>`;
  const xml = `<ErrorResponse ${namespace}><Error>${detail}</Error><RequestId>1</RequestId></ErrorResponse>`;
  return (_, response) => sendXml(response, status, xml);
}

export function sendXml(response: ServerResponse, status: number, xml: string): void {
  response.writeHead(status, { "content-type": "text/xml" });
  response.end(xml);
}

const namespace = 'xmlns="http://elasticache.amazonaws.com/doc/2015-02-02/"';

/** The whole answer, and the marker of a next page where there is one. */
export function describeXml(
  clusters: readonly StandInCluster[],
  hasNodeInfo: boolean,
  marker?: string,
): string {
  const found = clusters.map((cluster) => clusterXml(cluster, hasNodeInfo)).join("");
  const next = marker === undefined ? "" : `<Marker>${marker}</Marker>`;
  const result = `<DescribeCacheClustersResult>${next}<CacheClusters>${found}</CacheClusters></DescribeCacheClustersResult>`;
  const metadata = "<ResponseMetadata><RequestId>1</RequestId></ResponseMetadata>";
  return `<DescribeCacheClustersResponse ${namespace}>${result}${metadata}</DescribeCacheClustersResponse>\n`;
}

function clusterXml(cluster: StandInCluster, hasNodeInfo: boolean): string {
  const { id, engine = "memcached", status = "available", nodes } = cluster;
  const { nodeCount = nodes.length, isEncrypted = false } = cluster;
  const fields = [
    element("CacheClusterId", id),
    element("Engine", engine),
    element("EngineVersion", engine === "memcached" ? "1.6.22" : "7.2"),
    element("CacheClusterStatus", status),
    element("NumCacheNodes", String(nodeCount)),
    element("TransitEncryptionEnabled", String(isEncrypted)),
    engine === "memcached" ? endpointXml("ConfigurationEndpoint", `${id}.cfg.example.org`, 11211) : "",
    hasNodeInfo ? element("CacheNodes", nodes.map(nodeXml).join("")) : "",
  ];
  return element("CacheCluster", fields.join(""));
}

function nodeXml({ id, status = "available", host, port = 11211 }: StandInNode): string {
  const endpoint = host === undefined ? "" : endpointXml("Endpoint", host, port);
  return element("CacheNode", element("CacheNodeId", id) + element("CacheNodeStatus", status) + endpoint);
}

function endpointXml(name: string, host: string, port: number): string {
  return element(name, element("Address", host) + element("Port", String(port)));
}

function element(name: string, content: string): string {
  return `<${name}>${content}</${name}>`;
}
