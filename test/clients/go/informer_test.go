package clients

import (
	"context"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"
)

// Informers ask for a streaming list by default; they see everything, also across a restart.
func TestInformersSurviveARestart(t *testing.T) {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	set := clientset(t)
	space := namespace(t)
	maps := set.CoreV1().ConfigMaps(space)
	create := func(name string) {
		within(t, "creating "+name, func() (bool, error) {
			_, err := maps.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
			return err == nil, err
		})
	}
	create("before")
	factory := informers.NewSharedInformerFactoryWithOptions(set, 0, informers.WithNamespace(space))
	var mutex sync.Mutex
	deleted := map[string]bool{}
	informer := factory.Core().V1().ConfigMaps()
	_, err := informer.Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		DeleteFunc: func(object any) {
			key, _ := cache.DeletionHandlingMetaNamespaceKeyFunc(object)
			mutex.Lock()
			defer mutex.Unlock()
			deleted[key] = true
		},
	})
	must(t, err)
	factory.Start(ctx.Done())
	for kind, synced := range factory.WaitForCacheSync(ctx.Done()) {
		if !synced {
			t.Fatalf("%v did not sync", kind)
		}
	}
	has := func(name string) func() (bool, error) {
		return func() (bool, error) {
			_, err := informer.Lister().ConfigMaps(space).Get(name)
			return err == nil, err
		}
	}
	if found, err := has("before")(); !found {
		t.Fatalf("synced without it: %v", err)
	}
	create("during")
	within(t, "the informer", has("during"))

	if command := os.Getenv("RESTART"); command != "" {
		if said, err := exec.Command("sh", "-c", command).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", command, err, said)
		}
	}
	create("after")
	within(t, "the informer after the restart", has("after"))
	must(t, maps.Delete(ctx, "before", metav1.DeleteOptions{}))
	within(t, "the deletion", func() (bool, error) {
		mutex.Lock()
		defer mutex.Unlock()
		return deleted[space+"/before"], nil
	})
	list, err := informer.Lister().List(labels.Everything())
	must(t, err)
	names := map[string]bool{}
	for _, item := range list {
		names[item.Name] = true
	}
	equal(t, []bool{names["before"], names["during"], names["after"]}, []bool{false, true, true})
}

// Informers of custom kinds are dynamic, and speak JSON.
func TestDynamicInformersOfKnativeServices(t *testing.T) {
	ctx, stop := context.WithTimeout(context.Background(), patience)
	defer stop()
	client, err := dynamic.NewForConfig(config(t))
	must(t, err)
	factory := dynamicinformer.NewDynamicSharedInformerFactory(client, 10*time.Minute)
	revisions := factory.ForResource(schema.GroupVersionResource{Group: "serving.knative.dev", Version: "v1", Resource: "revisions"})
	if err := revisions.Informer().SetWatchErrorHandler(func(_ *cache.Reflector, err error) { t.Errorf("watch: %v", err) }); err != nil {
		t.Fatal(err)
	}
	factory.Start(ctx.Done())
	if !cache.WaitForCacheSync(ctx.Done(), revisions.Informer().HasSynced) {
		t.Fatal("did not sync")
	}
}
