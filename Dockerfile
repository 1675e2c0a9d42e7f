# The suite with every package in the version that the tests last passed with. torch's Linux wheels carry CUDA, so one
# image serves both: docker run IMAGE run --scale smoke, or docker run --gpus all IMAGE run --dataset cifar10.
# For a smaller one without CUDA, point pip at CPU wheels of torch: --build-arg PIP_OPTIONS="...".
FROM python:3.11-slim
ARG PIP_OPTIONS=""
ENV SFDDM_DATA=/data XDG_CACHE_HOME=/cache PYTHONUNBUFFERED=1
WORKDIR /suite
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY sfddm sfddm
COPY baselines baselines
COPY bench bench
RUN pip install --no-cache-dir ${PIP_OPTIONS} -c constraints.txt ".[tensorboard]"
# Runs, data and downloaded weights outlive the container: mount them.
VOLUME ["/runs", "/data", "/cache"]
WORKDIR /runs
ENTRYPOINT ["sfddm-bench"]
CMD ["doctor"]
