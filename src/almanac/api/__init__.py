"""The HTTP door: FastAPI routes of about three lines over the services, pydantic at the edge."""
