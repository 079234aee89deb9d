"""The job of the Invalidate action in Python with boto3, for `npm run bench` to compare with.

One handler, as anybody would write it for Lambda's Python: clients made once at the top, endpoints from
the environment, explicit timeouts. It reads the two user parameters, creates the invalidation under the
job's id, polls until it is completed, hands over by continuation token when that takes long, and
reports what happened.
"""

import json
import time

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

TIMEOUTS = {"connect_timeout": 3, "read_timeout": 8}
cloudfront = boto3.client(
    "cloudfront", config=Config(**TIMEOUTS, retries={"total_max_attempts": 3, "mode": "standard"})
)
codepipeline = boto3.client(
    "codepipeline", config=Config(**TIMEOUTS, retries={"total_max_attempts": 8, "mode": "standard"})
)

DEADLINE_SECONDS = 15 * 60
POLLING_SECONDS = 45
POLL_EVERY_SECONDS = (1, 2, 4)
BUSY = {"TooManyInvalidationsInProgress", "Throttling", "ThrottlingException", "ServiceUnavailable"}


class Failure(Exception):
    def __init__(self, kind, message):
        super().__init__(message)
        self.kind = kind


def handler(event, context):
    job = event["CodePipeline.job"]
    try:
        result = invalidate(job)
    except Failure as error:
        return fail(job["id"], error.kind, str(error))
    except (BotoCoreError, ClientError) as error:
        return fail(job["id"], "JobFailed", str(error))
    codepipeline.put_job_success_result(jobId=job["id"], **result)


def fail(job_id, kind, message):
    codepipeline.put_job_failure_result(
        jobId=job_id, failureDetails={"type": kind, "message": message[:5000]}
    )


def invalidate(job):
    """The arguments of PutJobSuccessResult: completed, or to be continued."""
    data = job["data"]
    distribution_id, paths = read_parameters(
        data["actionConfiguration"]["configuration"].get("UserParameters")
    )
    token = json.loads(data.get("continuationToken") or "null") or {
        "reference": job["id"],
        "deadline": time.time() + DEADLINE_SECONDS,
    }
    until = time.monotonic() + POLLING_SECONDS
    turn = 0
    while True:
        try:
            invalidation = create_or_get(distribution_id, paths, token)
            token["invalidationId"] = invalidation["Id"]
            if invalidation["Status"] == "Completed":
                return {
                    "executionDetails": {
                        "summary": f"Invalidation {invalidation['Id']} is completed.",
                        "externalExecutionId": invalidation["Id"],
                        "percentComplete": 100,
                    },
                    "outputVariables": {
                        "invalidationId": invalidation["Id"],
                        "status": "Completed",
                    },
                }
        except ClientError as error:
            if error.response["Error"]["Code"] not in BUSY or time.time() > token["deadline"]:
                raise
        wait = POLL_EVERY_SECONDS[min(turn, len(POLL_EVERY_SECONDS) - 1)]
        turn += 1
        if time.monotonic() + wait >= until:
            break
        time.sleep(wait)
    if time.time() > token["deadline"]:
        raise Failure("JobFailed", "The invalidation is not completed after 15 minutes.")
    return {
        "continuationToken": json.dumps(token),
        "executionDetails": {"summary": "The invalidation is in progress."},
    }


def create_or_get(distribution_id, paths, token):
    if "invalidationId" in token:
        answer = cloudfront.get_invalidation(
            DistributionId=distribution_id, Id=token["invalidationId"]
        )
    else:
        answer = cloudfront.create_invalidation(
            DistributionId=distribution_id,
            InvalidationBatch={
                "CallerReference": token["reference"],
                "Paths": {"Quantity": len(paths), "Items": paths},
            },
        )
    return answer["Invalidation"]


def read_parameters(text):
    try:
        parameters = json.loads(text or "")
        distribution_id, paths = parameters["distributionId"], parameters["objectPaths"]
    except (ValueError, KeyError, TypeError) as error:
        raise Failure(
            "ConfigurationError",
            'Write {"distributionId": "E…", "objectPaths": ["/*"]} as the user parameters.',
        ) from error
    if not isinstance(distribution_id, str) or not isinstance(paths, list) or not paths:
        raise Failure(
            "ConfigurationError",
            "distributionId is text, objectPaths a list of at least one path.",
        )
    for path in paths:
        if not isinstance(path, str) or not path.startswith("/") or "~" in path or "*" in path[:-1]:
            raise Failure(
                "ConfigurationError", f"objectPaths: got {path!r}; begin with /, end in * at most."
            )
    return distribution_id, paths
