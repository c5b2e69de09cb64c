package clients

import (
	"context"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	appsv1apply "k8s.io/client-go/applyconfigurations/apps/v1"
	corev1apply "k8s.io/client-go/applyconfigurations/core/v1"
	metav1apply "k8s.io/client-go/applyconfigurations/meta/v1"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/openapi3"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/scale"
)

func TestDiscoveryMapsKindsAndShortNames(t *testing.T) {
	client, err := discovery.NewDiscoveryClientForConfig(config(t))
	must(t, err)
	_, resources, err := client.ServerGroupsAndResources()
	must(t, err)
	if len(resources) < 20 {
		t.Fatalf("only %d groups and versions", len(resources))
	}
	cached := memory.NewMemCacheClient(client)
	mapper := restmapper.NewShortcutExpander(restmapper.NewDeferredDiscoveryRESTMapper(cached), cached, nil)
	kind, err := mapper.KindFor(schema.GroupVersionResource{Resource: "ksvc"})
	must(t, err)
	equal(t, kind, "serving.knative.dev/v1, Kind=Service")
	mapping, err := mapper.RESTMapping(schema.GroupKind{Group: "apps", Kind: "Deployment"})
	must(t, err)
	equal(t, []string{mapping.Resource.Resource, string(mapping.Scope.Name())}, []string{"deployments", "namespace"})
	version, err := client.ServerVersion()
	must(t, err)
	equal(t, version.Major, "1")
}

func TestOpenAPIDocumentsAreRead(t *testing.T) {
	client, err := discovery.NewDiscoveryClientForConfig(config(t))
	must(t, err)
	document, err := client.OpenAPISchema()
	must(t, err)
	names := map[string]bool{}
	for _, definition := range document.Definitions.AdditionalProperties {
		names[definition.Name] = true
	}
	equal(t, names["io.k8s.api.core.v1.Pod"], true)
	spec, err := openapi3.NewRoot(client.OpenAPIV3()).GVSpec(schema.GroupVersion{Group: "apps", Version: "v1"})
	must(t, err)
	if spec.Components.Schemas["io.k8s.api.apps.v1.Deployment"] == nil {
		t.Fatal("no schema of Deployment")
	}
}

// Generated apply configurations, whose fields belong to their manager.
func TestServerSideApply(t *testing.T) {
	ctx := context.Background()
	deployments := clientset(t).AppsV1().Deployments(namespace(t))
	space := namespace(t)
	deployments = clientset(t).AppsV1().Deployments(space)
	labels := map[string]string{"app": "applied"}
	wanted := appsv1apply.Deployment("applied", space).WithSpec(appsv1apply.DeploymentSpec().
		WithReplicas(0).
		WithSelector(metav1apply.LabelSelector().WithMatchLabels(labels)).
		WithTemplate(corev1apply.PodTemplateSpec().WithLabels(labels).
			WithSpec(corev1apply.PodSpec().WithContainers(
				corev1apply.Container().WithName("main").WithImage("knit.local/none:one")))))
	_, err := deployments.Apply(ctx, wanted, metav1.ApplyOptions{FieldManager: "one"})
	must(t, err)

	other := appsv1apply.Deployment("applied", space).WithSpec(appsv1apply.DeploymentSpec().
		WithTemplate(corev1apply.PodTemplateSpec().WithSpec(corev1apply.PodSpec().WithContainers(
			corev1apply.Container().WithName("main").WithImage("knit.local/none:two")))))
	_, err = deployments.Apply(ctx, other, metav1.ApplyOptions{FieldManager: "two"})
	if !apierrors.IsConflict(err) {
		t.Fatalf("no conflict: %v", err)
	}
	contains(t, err.Error(), `conflict with "one"`)
	taken, err := deployments.Apply(ctx, other, metav1.ApplyOptions{FieldManager: "two", Force: true})
	must(t, err)
	equal(t, taken.Spec.Template.Spec.Containers[0].Image, "knit.local/none:two")

	// What was applied is read back from the managed fields, and changed without losing anything.
	mine, err := appsv1apply.ExtractDeployment(taken, "one")
	must(t, err)
	if mine.Spec.Template.Spec.Containers[0].Image != nil {
		t.Fatal("the image still belongs to the first manager")
	}
	equal(t, *mine.Spec.Replicas, 0)
}

func TestDynamicMetadataAndScaleClients(t *testing.T) {
	ctx := context.Background()
	space := namespace(t)
	client, err := dynamic.NewForConfig(config(t))
	must(t, err)
	services := client.Resource(schema.GroupVersionResource{Group: "serving.knative.dev", Version: "v1", Resource: "services"}).Namespace(space)
	made, err := services.Create(ctx, &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "serving.knative.dev/v1",
		"kind":       "Service",
		"metadata":   map[string]any{"name": "dynamic"},
		"spec": map[string]any{"template": map[string]any{"spec": map[string]any{
			"containers": []any{map[string]any{"image": "knit.local/none@sha256:" + zeros}},
		}}},
	}}, metav1.CreateOptions{})
	must(t, err)
	percent, _, err := unstructured.NestedSlice(made.Object, "spec", "traffic")
	must(t, err)
	equal(t, percent[0].(map[string]any)["percent"], 100)
	applied, err := services.Apply(ctx, "dynamic", &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "serving.knative.dev/v1",
		"kind":       "Service",
		"metadata":   map[string]any{"name": "dynamic", "labels": map[string]any{"by": "apply"}},
	}}, metav1.ApplyOptions{FieldManager: "tests"})
	must(t, err)
	equal(t, applied.GetLabels()["by"], "apply")

	metadatas, err := metadata.NewForConfig(protobufConfig(t))
	must(t, err)
	roots, err := metadatas.Resource(corev1.SchemeGroupVersion.WithResource("configmaps")).Namespace(space).List(ctx, metav1.ListOptions{})
	must(t, err)
	for _, item := range roots.Items {
		if item.UID == "" {
			t.Fatal("metadata without uid")
		}
	}

	set := clientset(t)
	replicas := int32(0)
	labels := map[string]string{"app": "scaled"}
	_, err = set.AppsV1().Deployments(space).Create(ctx, &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "scaled"},
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas,
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "knit.local/none:one"}}},
			},
		},
	}, metav1.CreateOptions{})
	must(t, err)
	finder := discovery.NewDiscoveryClientForConfigOrDie(config(t))
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(finder))
	scales, err := scale.NewForConfig(config(t), mapper, dynamic.LegacyAPIPathResolverFunc, scale.NewDiscoveryScaleKindResolver(finder))
	must(t, err)
	resource := schema.GroupResource{Group: "apps", Resource: "deployments"}
	current, err := scales.Scales(space).Get(ctx, resource, "scaled", metav1.GetOptions{})
	must(t, err)
	equal(t, current.Status.Selector, "app=scaled")
	current.Spec.Replicas = 2
	_, err = scales.Scales(space).Update(ctx, resource, current, metav1.UpdateOptions{})
	must(t, err)
	found, err := set.AppsV1().Deployments(space).Get(ctx, "scaled", metav1.GetOptions{})
	must(t, err)
	equal(t, *found.Spec.Replicas, 2)
}

const zeros = "0000000000000000000000000000000000000000000000000000000000000000"
