package main

import (
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric/noop"
	"go.uber.org/zap"
	"k8s.io/apimachinery/pkg/types"
	"knative.dev/serving/pkg/autoscaler/aggregation"
	"knative.dev/serving/pkg/autoscaler/scaling"
)

// windowStep records a value, or asks for the average.
type windowStep struct {
	AtMs  int64    `json:"atMs"`
	Value *float64 `json:"value"`
}

type window interface {
	Record(now time.Time, value float64)
	WindowAverage(now time.Time) float64
	IsEmpty(now time.Time) bool
}

// runWindow answers every question with the average, or nil when the window is empty.
func runWindow(algorithm string, seconds int, steps []windowStep) []*float64 {
	var w window
	if algorithm == "linear" {
		w = aggregation.NewTimedFloat64Buckets(time.Duration(seconds)*time.Second, time.Second)
	} else {
		w = aggregation.NewWeightedFloat64Buckets(time.Duration(seconds)*time.Second, time.Second)
	}
	answers := []*float64{}
	for _, step := range steps {
		now := time.UnixMilli(step.AtMs)
		switch {
		case step.Value != nil:
			w.Record(now, *step.Value)
		default:
			if w.IsEmpty(now) {
				answers = append(answers, nil)
			} else {
				average := w.WindowAverage(now)
				answers = append(answers, &average)
			}
		}
	}
	return answers
}

type deciderSpec struct {
	TargetValue      float64 `json:"targetValue"`
	PanicThreshold   float64 `json:"panicThreshold"`
	StableWindowMs   int64   `json:"stableWindowMs"`
	MaxScaleUpRate   float64 `json:"maxScaleUpRate"`
	MaxScaleDownRate float64 `json:"maxScaleDownRate"`
	ActivationScale  int32   `json:"activationScale"`
	ScaleDownDelayMs int64   `json:"scaleDownDelayMs"`
	IsReachable      bool    `json:"isReachable"`
}
type decideStep struct {
	AtMs      int64   `json:"atMs"`
	Stable    float64 `json:"stable"`
	Panic     float64 `json:"panic"`
	ReadyPods int     `json:"readyPods"`
}

type fixture struct{ step decideStep }

func (f *fixture) StableAndPanicConcurrency(types.NamespacedName, time.Time) (float64, float64, error) {
	return f.step.Stable, f.step.Panic, nil
}
func (f *fixture) StableAndPanicRPS(types.NamespacedName, time.Time) (float64, float64, error) {
	return f.step.Stable, f.step.Panic, nil
}
func (f *fixture) ReadyCount() (int, error)    { return f.step.ReadyPods, nil }
func (f *fixture) NotReadyCount() (int, error) { return 0, nil }

func runDecide(spec deciderSpec, steps []decideStep) []int32 {
	fix := &fixture{}
	scaler := scaling.New(attribute.NewSet(), noop.NewMeterProvider(), "ns", "rev", fix, fix, &scaling.DeciderSpec{
		ScalingMetric:    "concurrency",
		TargetValue:      spec.TargetValue,
		TotalValue:       spec.TargetValue,
		PanicThreshold:   spec.PanicThreshold,
		StableWindow:     time.Duration(spec.StableWindowMs) * time.Millisecond,
		MaxScaleUpRate:   spec.MaxScaleUpRate,
		MaxScaleDownRate: spec.MaxScaleDownRate,
		ActivationScale:  spec.ActivationScale,
		ScaleDownDelay:   time.Duration(spec.ScaleDownDelayMs) * time.Millisecond,
		Reachable:        spec.IsReachable,
	})
	answers := []int32{}
	for _, step := range steps {
		fix.step = step
		answers = append(answers, scaler.Scale(zap.NewNop().Sugar(), time.UnixMilli(step.AtMs)).DesiredPodCount)
	}
	return answers
}
