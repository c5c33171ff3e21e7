"""How many pods does a Job have, how are those counted that ended, and when is it done or given up?"""

from nodesim.controllers.job.controller import ACTOR, JobController
from nodesim.controllers.job.views import JobView, job_view

__all__ = ["ACTOR", "JobController", "JobView", "job_view"]
