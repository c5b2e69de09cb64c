// Upstream pins versions of its own libraries that the proxy does not serve; these are the nearest that it does.
module knit.local/upstream

go 1.26.0

require knative.dev/serving v0.51.0

replace (
	knative.dev/caching => knative.dev/caching v0.0.0-20260120130310-f1fc03b7f5ee
	knative.dev/hack => knative.dev/hack v0.0.0-20251021013703-4fae78067103
	knative.dev/networking => knative.dev/networking v0.0.0-20260422140718-e9578ef11562
	knative.dev/pkg => knative.dev/pkg v0.0.0-20260422015212-ec452872dcc1
)
