package main

import (
	"context"
	"encoding/json"

	"knative.dev/serving/pkg/reconciler/route/traffic"
)

// rolloutStep is one look at a Route: what its traffic should end as, and when.
type rolloutStep struct {
	Goal            traffic.Rollout `json:"goal"`
	NowNs           int64           `json:"nowNs"`
	ObserveReady    bool            `json:"observeReady"`
	DurationSeconds float64         `json:"durationSeconds"`
}
type rolloutResult struct {
	Rollout    *traffic.Rollout `json:"rollout"`
	NextStepNs int64            `json:"nextStepNs"`
}

func runRollout(steps []rolloutStep) []rolloutResult {
	var before *traffic.Rollout
	results := []rolloutResult{}
	for _, step := range steps {
		if before != nil && step.ObserveReady {
			before.ObserveReady(context.Background(), step.NowNs, step.DurationSeconds)
		}
		goal := step.Goal
		after, next := goal.Step(context.Background(), before, step.NowNs)
		// Through the annotation, as a Route has it.
		text, _ := json.Marshal(after)
		copied := &traffic.Rollout{}
		_ = json.Unmarshal(text, copied)
		results = append(results, rolloutResult{copied, next})
		before = &traffic.Rollout{}
		if err := json.Unmarshal(text, before); err != nil || !before.Validate() {
			before = nil
		}
	}
	return results
}
