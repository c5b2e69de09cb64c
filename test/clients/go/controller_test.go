package clients

import (
	"context"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

// Greeting is a kind as kubebuilder would lay it out.
type Greeting struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`
	Spec              struct {
		Word string `json:"word"`
	} `json:"spec,omitempty"`
	Status struct {
		ObservedGeneration int64              `json:"observedGeneration,omitempty"`
		Conditions         []metav1.Condition `json:"conditions,omitempty"`
	} `json:"status,omitempty"`
}

func (in *Greeting) DeepCopyObject() runtime.Object {
	out := *in
	in.ObjectMeta.DeepCopyInto(&out.ObjectMeta)
	out.Status.Conditions = append([]metav1.Condition(nil), in.Status.Conditions...)
	return &out
}

type GreetingList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Greeting `json:"items"`
}

func (in *GreetingList) DeepCopyObject() runtime.Object {
	out := *in
	out.Items = nil
	for i := range in.Items {
		out.Items = append(out.Items, *in.Items[i].DeepCopyObject().(*Greeting))
	}
	return &out
}

var greetings = schema.GroupVersion{Group: "greetings.example.org", Version: "v1"}

const finalizer = "greetings.example.org/tidy"

// reconciler keeps a ConfigMap with the word for each Greeting, and tidies up through a finalizer.
type reconciler struct {
	client.Client
	scheme *runtime.Scheme
}

func (r *reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	var greeting Greeting
	if err := r.Get(ctx, request.NamespacedName, &greeting); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !greeting.DeletionTimestamp.IsZero() {
		if controllerutil.RemoveFinalizer(&greeting, finalizer) {
			return ctrl.Result{}, r.Update(ctx, &greeting)
		}
		return ctrl.Result{}, nil
	}
	if controllerutil.AddFinalizer(&greeting, finalizer) {
		if err := r.Update(ctx, &greeting); err != nil {
			return ctrl.Result{}, err
		}
	}
	child := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: greeting.Name, Namespace: greeting.Namespace}}
	if _, err := controllerutil.CreateOrUpdate(ctx, r.Client, child, func() error {
		child.Data = map[string]string{"word": greeting.Spec.Word}
		return controllerutil.SetControllerReference(&greeting, child, r.scheme)
	}); err != nil {
		return ctrl.Result{}, err
	}
	before := greeting.DeepCopyObject().(*Greeting)
	greeting.Status.ObservedGeneration = greeting.Generation
	meta.SetStatusCondition(&greeting.Status.Conditions, metav1.Condition{
		Type: "Ready", Status: metav1.ConditionTrue, Reason: "Greeted", ObservedGeneration: greeting.Generation,
	})
	return ctrl.Result{}, r.Status().Patch(ctx, &greeting, client.MergeFrom(before))
}

// A manager with a cache, leader election, owned objects and a custom kind, as an operator runs it.
func TestControllerRuntime(t *testing.T) {
	scheme := runtime.NewScheme()
	must(t, clientgoscheme.AddToScheme(scheme))
	scheme.AddKnownTypes(greetings, &Greeting{}, &GreetingList{})
	metav1.AddToGroupVersion(scheme, greetings)
	definitions, err := envtest.InstallCRDs(config(t), envtest.CRDInstallOptions{
		CRDs: []*apiextensionsv1.CustomResourceDefinition{definition()}, MaxTime: patience,
	})
	must(t, err)
	t.Cleanup(func() {
		_ = envtest.UninstallCRDs(config(t), envtest.CRDInstallOptions{CRDs: definitions})
	})
	space := namespace(t)
	manager, err := ctrl.NewManager(config(t), ctrl.Options{
		Scheme:                        scheme,
		Metrics:                       server.Options{BindAddress: "0"},
		LeaderElection:                true,
		LeaderElectionID:              "greetings",
		LeaderElectionNamespace:       space,
		LeaderElectionReleaseOnCancel: true,
	})
	must(t, err)
	must(t, manager.GetFieldIndexer().IndexField(t.Context(), &Greeting{}, "spec.word", func(object client.Object) []string {
		return []string{object.(*Greeting).Spec.Word}
	}))
	must(t, ctrl.NewControllerManagedBy(manager).For(&Greeting{}).Owns(&corev1.ConfigMap{}).
		Complete(&reconciler{manager.GetClient(), scheme}))
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- manager.Start(ctx) }()
	defer func() { stop(); must(t, <-ended) }()

	direct, err := client.New(config(t), client.Options{Scheme: scheme})
	must(t, err)
	greeting := &Greeting{ObjectMeta: metav1.ObjectMeta{Name: "hello", Namespace: space}}
	greeting.Spec.Word = "hello"
	must(t, direct.Create(ctx, greeting))
	key := client.ObjectKeyFromObject(greeting)
	word := func(want string) func() (bool, error) {
		return func() (bool, error) {
			var child corev1.ConfigMap
			err := direct.Get(ctx, key, &child)
			return err == nil && child.Data["word"] == want, err
		}
	}
	within(t, "the owned object", word("hello"))
	within(t, "the status", func() (bool, error) {
		err := direct.Get(ctx, key, greeting)
		return meta.IsStatusConditionTrue(greeting.Status.Conditions, "Ready") && greeting.Status.ObservedGeneration == 1, err
	})

	within(t, "a change", func() (bool, error) {
		must(t, direct.Get(ctx, key, greeting))
		greeting.Spec.Word = "ahoy"
		return true, client.IgnoreNotFound(direct.Update(ctx, greeting))
	})
	within(t, "the changed object", word("ahoy"))
	must(t, direct.Delete(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "hello", Namespace: space}}))
	within(t, "the object again", word("ahoy"))
	var found GreetingList
	must(t, manager.GetCache().List(ctx, &found, client.InNamespace(space), client.MatchingFields{"spec.word": "ahoy"}))
	equal(t, len(found.Items), 1)

	empty := &Greeting{ObjectMeta: metav1.ObjectMeta{Name: "empty", Namespace: space}}
	err = direct.Create(ctx, empty)
	if !apierrors.IsInvalid(err) {
		t.Fatalf("an empty word: %v", err)
	}
	contains(t, fmt.Sprint(err), "spec.word")

	must(t, direct.Delete(ctx, greeting))
	within(t, "the end of both", func() (bool, error) {
		gone := apierrors.IsNotFound(direct.Get(ctx, key, &Greeting{}))
		return gone && apierrors.IsNotFound(direct.Get(ctx, key, &corev1.ConfigMap{})), nil
	})
}

func definition() *apiextensionsv1.CustomResourceDefinition {
	one := int64(1)
	return &apiextensionsv1.CustomResourceDefinition{
		ObjectMeta: metav1.ObjectMeta{Name: "greetings." + greetings.Group},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Group: greetings.Group,
			Scope: apiextensionsv1.NamespaceScoped,
			Names: apiextensionsv1.CustomResourceDefinitionNames{Plural: "greetings", Singular: "greeting", Kind: "Greeting", ListKind: "GreetingList"},
			Versions: []apiextensionsv1.CustomResourceDefinitionVersion{{
				Name: greetings.Version, Served: true, Storage: true,
				Subresources: &apiextensionsv1.CustomResourceSubresources{Status: &apiextensionsv1.CustomResourceSubresourceStatus{}},
				Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{
					Type: "object",
					Properties: map[string]apiextensionsv1.JSONSchemaProps{
						"spec": {Type: "object", Properties: map[string]apiextensionsv1.JSONSchemaProps{
							"word": {Type: "string", MinLength: &one},
						}},
						"status": {Type: "object", XPreserveUnknownFields: new(bool(true))},
					},
				}},
			}},
		},
	}
}
