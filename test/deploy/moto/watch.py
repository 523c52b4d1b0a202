"""Prints the alarms, dashboards and rules that moto holds, as JSON.

AWS's JavaScript client speaks a protocol to CloudWatch that this moto does not.

usage: watch.py URL REGION
"""

import json
import sys

import boto3

url, region = sys.argv[1:]


def client(service):
    return boto3.client(service, region_name=region, endpoint_url=url,
                        aws_access_key_id="AKIAOFTHETESTS000000", aws_secret_access_key="none")


watch, events = client("cloudwatch"), client("events")
dashboards = [one["DashboardName"] for one in watch.list_dashboards()["DashboardEntries"]]
print(json.dumps({
    "alarms": [one for page in watch.get_paginator("describe_alarms").paginate() for one in page["MetricAlarms"]],
    "dashboards": {name: watch.get_dashboard(DashboardName=name)["DashboardBody"] for name in dashboards},
    "rules": [{"name": rule["Name"], "schedule": rule.get("ScheduleExpression", ""), "input": target.get("Input", "")}
              for rule in events.list_rules()["Rules"]
              for target in events.list_targets_by_rule(Rule=rule["Name"])["Targets"]],
}, default=str))
