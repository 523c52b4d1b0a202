// What API Gateway hands to a function: payload format 2.0 of a route with `aws_iam`, as its documentation shows it.

import type { APIGatewayProxyEventV2 } from "aws-lambda";

/** Returns the event of a login on localhost. */
export function loginEvent(user: string, password: string): APIGatewayProxyEventV2 {
  const iam = {
    accessKey: "ASIAXXXXXXXXXXXXXXXX",
    accountId: "123456789012",
    callerId: "AROAXXXXXXXXXXXXXXXXX:i-0123456789abcdef0",
    cognitoIdentity: null,
    principalOrgId: "aws:PrincipalOrgID",
    userArn: "arn:aws:sts::123456789012:assumed-role/ejabberd/i-0123456789abcdef0",
    userId: "AROAXXXXXXXXXXXXXXXXX:i-0123456789abcdef0",
  };
  const context = {
    accountId: "123456789012",
    apiId: "a1b2c3d4e5",
    authorizer: { iam },
    domainName: "a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com",
    domainPrefix: "a1b2c3d4e5",
    http: {
      method: "POST",
      path: "/auth",
      protocol: "HTTP/1.1",
      sourceIp: "203.0.113.7",
      userAgent: "inspectord-relay",
    },
    requestId: "JKJaXmPLvHcESHA=",
    routeKey: "POST /auth",
    stage: "$default",
    time: "24/Nov/2026:02:30:00 +0000",
    timeEpoch: 1795487400000,
  };
  return {
    version: "2.0",
    routeKey: "POST /auth",
    rawPath: "/auth",
    rawQueryString: "",
    headers: {
      "content-type": "application/json",
      host: "a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com",
      "x-amzn-trace-id": "Root=1-6923c5a8-0123456789abcdef01234567",
      "x-forwarded-port": "443",
      "x-forwarded-proto": "https",
    },
    requestContext: context,
    body: JSON.stringify({ op: "auth", user, server: "localhost", password }),
    isBase64Encoded: false,
  };
}
