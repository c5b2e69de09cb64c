// Prints what Knative Serving's own defaulting and validation say of each case on stdin (JSON lines).
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"

	authv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	netcfg "knative.dev/networking/pkg/config"
	"knative.dev/pkg/apis"
	apiconfig "knative.dev/serving/pkg/apis/config"
	v1 "knative.dev/serving/pkg/apis/serving/v1"
	"knative.dev/serving/pkg/apis/serving/v1beta1"
	asconfig "knative.dev/serving/pkg/autoscaler/config"
	"knative.dev/serving/pkg/autoscaler/config/autoscalerconfig"
	"knative.dev/serving/pkg/deployment"
	"knative.dev/serving/pkg/gc"
	routecfg "knative.dev/serving/pkg/reconciler/route/config"
)

type input struct {
	Kind    string                       `json:"kind"`
	User    string                       `json:"user"`
	Sub     string                       `json:"subresource"`
	Object  json.RawMessage              `json:"object"`
	Old     json.RawMessage              `json:"old"`
	Configs map[string]map[string]string `json:"configs"`
	Steps   json.RawMessage              `json:"steps"`
	Spec    deciderSpec                  `json:"spec"`
	Window  int                          `json:"windowSeconds"`
	Algo    string                       `json:"aggregation"`
}
type output struct {
	Defaulted json.RawMessage `json:"defaulted,omitempty"`
	Error     string          `json:"error"`
	Warning   string          `json:"warning,omitempty"`
}

type resource interface {
	apis.Defaultable
	apis.Validatable
}

func make_(kind string) resource {
	switch kind {
	case "Service":
		return &v1.Service{}
	case "Configuration":
		return &v1.Configuration{}
	case "Route":
		return &v1.Route{}
	case "Revision":
		return &v1.Revision{}
	case "DomainMapping":
		return &v1beta1.DomainMapping{}
	}
	panic(kind)
}

func cm(name string, data map[string]string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "knative-serving"}, Data: data}
}

func configMap(name string, data map[string]string) (any, error) {
	m := cm(name, data)
	switch name {
	case "config-defaults":
		return apiconfig.NewDefaultsConfigFromConfigMap(m)
	case "config-features":
		return apiconfig.NewFeaturesConfigFromConfigMap(m)
	case "config-autoscaler":
		return asconfig.NewConfigFromConfigMap(m)
	case "config-deployment":
		return deployment.NewConfigFromConfigMap(m)
	case "config-gc":
		return gc.NewConfigFromConfigMapFunc(context.Background())(m)
	case "config-network":
		return netcfg.NewConfigFromMap(m.Data)
	case "config-domain":
		return routecfg.NewDomainFromConfigMap(m)
	}
	return nil, fmt.Errorf("unknown config map %s", name)
}

func run(in input) (out output) {
	defer func() {
		if r := recover(); r != nil {
			out.Error = fmt.Sprint("PANIC ", r)
		}
	}()
	if in.Kind == "Rollout" {
		var steps []rolloutStep
		_ = json.Unmarshal(in.Steps, &steps)
		out.Defaulted, _ = json.Marshal(runRollout(steps))
		return
	}
	if in.Kind == "Window" {
		var steps []windowStep
		_ = json.Unmarshal(in.Steps, &steps)
		out.Defaulted, _ = json.Marshal(runWindow(in.Algo, in.Window, steps))
		return
	}
	if in.Kind == "Decide" {
		var steps []decideStep
		_ = json.Unmarshal(in.Steps, &steps)
		out.Defaulted, _ = json.Marshal(runDecide(in.Spec, steps))
		return
	}
	if in.Kind == "ConfigMap" {
		for name, data := range in.Configs {
			parsed, err := configMap(name, data)
			if err != nil {
				out.Error = err.Error()
			} else {
				out.Defaulted, _ = json.Marshal(parsed)
			}
		}
		return
	}
	ctx := context.Background()
	cfg := apiconfig.FromContextOrDefaults(ctx)
	for name, data := range in.Configs {
		parsed, err := configMap(name, data)
		if err != nil {
			out.Error = "CONFIG " + err.Error()
			return
		}
		switch name {
		case "config-defaults":
			cfg.Defaults = parsed.(*apiconfig.Defaults)
		case "config-features":
			cfg.Features = parsed.(*apiconfig.Features)
		case "config-autoscaler":
			cfg.Autoscaler = parsed.(*autoscalerconfig.Config)
		}
	}
	ctx = apiconfig.ToContext(ctx, cfg)
	user := in.User
	if user == "" {
		user = "ada"
	}
	ctx = apis.WithUserInfo(ctx, &authv1.UserInfo{Username: user})
	obj := make_(in.Kind)
	if err := json.Unmarshal(in.Object, obj); err != nil {
		out.Error = "DECODE " + err.Error()
		return
	}
	if in.Old != nil && string(in.Old) != "null" {
		old := make_(in.Kind)
		if err := json.Unmarshal(in.Old, old); err != nil {
			out.Error = "DECODE " + err.Error()
			return
		}
		if in.Sub != "" {
			ctx = apis.WithinSubResourceUpdate(ctx, old, in.Sub)
		} else {
			ctx = apis.WithinUpdate(ctx, old)
		}
	} else {
		ctx = apis.WithinCreate(ctx)
	}
	obj.SetDefaults(ctx)
	out.Defaulted, _ = json.Marshal(obj)
	if err := obj.Validate(ctx); err != nil {
		if e := err.Filter(apis.ErrorLevel); e != nil {
			out.Error = e.Error()
		}
		if w := err.Filter(apis.WarningLevel); w != nil {
			out.Warning = w.Error()
		}
	}
	return
}

func main() {
	sc := bufio.NewScanner(os.Stdin)
	sc.Buffer(make([]byte, 1<<20), 1<<26)
	enc := json.NewEncoder(os.Stdout)
	enc.SetEscapeHTML(false)
	for sc.Scan() {
		var in input
		if err := json.Unmarshal(sc.Bytes(), &in); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		enc.Encode(run(in))
	}
}
