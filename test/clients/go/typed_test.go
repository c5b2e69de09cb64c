package clients

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes/scheme"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/client-go/tools/pager"
	"k8s.io/client-go/tools/record"
	toolswatch "k8s.io/client-go/tools/watch"
	"k8s.io/client-go/util/retry"
)

// Typed clients send protobuf, and understand errors by their reasons.
func TestTypedClientsCreateUpdateAndDelete(t *testing.T) {
	ctx := context.Background()
	maps := clientset(t).CoreV1().ConfigMaps(namespace(t))
	wanted := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: "one", Labels: map[string]string{"a": "b"}},
		Data:       map[string]string{"key": "value"},
		BinaryData: map[string][]byte{"bytes": {0, 1, 255}},
	}
	made, err := maps.Create(ctx, wanted, metav1.CreateOptions{})
	must(t, err)
	equal(t, made.BinaryData["bytes"], []byte{0, 1, 255})

	_, err = maps.Create(ctx, wanted, metav1.CreateOptions{})
	if !apierrors.IsAlreadyExists(err) {
		t.Fatalf("a second one: %v", err)
	}
	first := made.DeepCopy()
	made.Data["key"] = "changed"
	_, err = maps.Update(ctx, made, metav1.UpdateOptions{})
	must(t, err)
	first.Data["key"] = "late"
	_, err = maps.Update(ctx, first, metav1.UpdateOptions{})
	if !apierrors.IsConflict(err) {
		t.Fatalf("a stale update: %v", err)
	}
	_, err = maps.Patch(ctx, "one", types.StrategicMergePatchType, []byte(`{"data":{"more":"1"}}`), metav1.PatchOptions{})
	must(t, err)

	list, err := maps.List(ctx, metav1.ListOptions{LabelSelector: "a in (b,c)", FieldSelector: "metadata.name=one"})
	must(t, err)
	equal(t, len(list.Items), 1)
	equal(t, list.Items[0].Data, map[string]string{"key": "changed", "more": "1"})

	wrong := metav1.NewUIDPreconditions("another")
	err = maps.Delete(ctx, "one", metav1.DeleteOptions{Preconditions: wrong})
	if !apierrors.IsConflict(err) {
		t.Fatalf("a precondition that does not hold: %v", err)
	}
	must(t, maps.Delete(ctx, "one", metav1.DeleteOptions{}))
	_, err = maps.Get(ctx, "one", metav1.GetOptions{})
	if !apierrors.IsNotFound(err) {
		t.Fatalf("a deleted one: %v", err)
	}
}

func TestInvalidObjectsAreRefusedWithTheirFields(t *testing.T) {
	_, err := clientset(t).BatchV1().Jobs(namespace(t)).Create(context.Background(), &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{Name: "bad"},
		Spec: batchv1.JobSpec{Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{
			RestartPolicy: corev1.RestartPolicyAlways,
			Containers:    []corev1.Container{{Name: "main", Image: "image"}},
		}}},
	}, metav1.CreateOptions{})
	var status *apierrors.StatusError
	if !errors.As(err, &status) || !apierrors.IsInvalid(err) {
		t.Fatalf("not Invalid: %v", err)
	}
	equal(t, status.ErrStatus.Details.Causes[0].Field, "spec.template.spec.restartPolicy")
}

// Twenty writers of one object all get through when they retry conflicts.
func TestConflictsAreRetried(t *testing.T) {
	ctx := context.Background()
	maps := clientset(t).CoreV1().ConfigMaps(namespace(t))
	_, err := maps.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "shared"}}, metav1.CreateOptions{})
	must(t, err)
	backoff := retry.DefaultBackoff
	backoff.Steps = 50
	var group sync.WaitGroup
	failures := make(chan error, 20)
	for writer := range 20 {
		group.Add(1)
		go func() {
			defer group.Done()
			failures <- retry.RetryOnConflict(backoff, func() error {
				found, err := maps.Get(ctx, "shared", metav1.GetOptions{})
				if err != nil {
					return err
				}
				if found.Data == nil {
					found.Data = map[string]string{}
				}
				found.Data[string(rune('a'+writer))] = "written"
				_, err = maps.Update(ctx, found, metav1.UpdateOptions{})
				return err
			})
		}()
	}
	group.Wait()
	for range 20 {
		must(t, <-failures)
	}
	found, err := maps.Get(ctx, "shared", metav1.GetOptions{})
	must(t, err)
	equal(t, len(found.Data), 20)
}

func TestListsAreReadInPages(t *testing.T) {
	ctx := context.Background()
	maps := clientset(t).CoreV1().ConfigMaps(namespace(t))
	for range 7 {
		_, err := maps.Create(ctx, &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{GenerateName: "page-", Labels: map[string]string{"paged": "yes"}},
		}, metav1.CreateOptions{})
		must(t, err)
	}
	pages := 0
	reader := pager.New(func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
		pages++
		return maps.List(ctx, options)
	})
	reader.PageSize = 3
	count := 0
	must(t, reader.EachListItem(ctx, metav1.ListOptions{LabelSelector: "paged=yes"}, func(runtime.Object) error {
		count++
		return nil
	}))
	equal(t, []int{pages, count}, []int{3, 7})
}

// RetryWatcher resumes from the last resourceVersion that it saw.
func TestWatchesTellEveryChange(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	maps := clientset(t).CoreV1().ConfigMaps(namespace(t))
	list, err := maps.List(ctx, metav1.ListOptions{})
	must(t, err)
	watcher, err := toolswatch.NewRetryWatcherWithContext(ctx, list.ResourceVersion, &mapWatcher{maps})
	must(t, err)
	defer watcher.Stop()
	made, err := maps.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "seen"}}, metav1.CreateOptions{})
	must(t, err)
	made.Data = map[string]string{"a": "b"}
	_, err = maps.Update(ctx, made, metav1.UpdateOptions{})
	must(t, err)
	must(t, maps.Delete(ctx, "seen", metav1.DeleteOptions{}))
	for _, want := range []watch.EventType{watch.Added, watch.Modified, watch.Deleted} {
		event := next(t, watcher, "seen")
		equal(t, event.Type, want)
	}
}

type mapWatcher struct {
	client corev1client.ConfigMapInterface
}

func (w *mapWatcher) WatchWithContext(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
	return w.client.Watch(ctx, options)
}

func next(t *testing.T, watcher watch.Interface, name string) watch.Event {
	t.Helper()
	for {
		select {
		case event, open := <-watcher.ResultChan():
			if !open {
				t.Fatal("the watch ended")
			}
			if object, ok := event.Object.(metav1.Object); ok && object.GetName() == name {
				return event
			}
		case <-time.After(patience):
			t.Fatal("no event")
		}
	}
}

// Two candidates: one leads; when it lets go, the other does.
func TestLeadershipPassesOn(t *testing.T) {
	set := clientset(t)
	space := namespace(t)
	elect := func(ctx context.Context, identity string, leading chan<- string) {
		lock := &resourcelock.LeaseLock{
			LeaseMeta:  metav1.ObjectMeta{Namespace: space, Name: "leader"},
			Client:     set.CoordinationV1(),
			LockConfig: resourcelock.ResourceLockConfig{Identity: identity},
		}
		leaderelection.RunOrDie(ctx, leaderelection.LeaderElectionConfig{
			Lock:            lock,
			LeaseDuration:   6 * time.Second,
			RenewDeadline:   4 * time.Second,
			RetryPeriod:     200 * time.Millisecond,
			ReleaseOnCancel: true,
			Callbacks: leaderelection.LeaderCallbacks{
				OnStartedLeading: func(ctx context.Context) { leading <- identity; <-ctx.Done() },
				OnStoppedLeading: func() {},
			},
		})
	}
	leading := make(chan string, 2)
	first, release := context.WithCancel(context.Background())
	second, stop := context.WithCancel(context.Background())
	defer stop()
	go elect(first, "first", leading)
	equal(t, <-leading, "first")
	go elect(second, "second", leading)
	release()
	select {
	case leader := <-leading:
		equal(t, leader, "second")
	case <-time.After(patience):
		t.Fatal("nobody took over")
	}
	lease, err := set.CoordinationV1().Leases(space).Get(second, "leader", metav1.GetOptions{})
	must(t, err)
	equal(t, *lease.Spec.HolderIdentity, "second")
}

// The recorder creates an Event and then patches its count.
func TestEventsAreCounted(t *testing.T) {
	set := clientset(t)
	space := namespace(t)
	broadcaster := record.NewBroadcaster()
	defer broadcaster.Shutdown()
	broadcaster.StartRecordingToSink(&corev1client.EventSinkImpl{Interface: set.CoreV1().Events(space)})
	recorder := broadcaster.NewRecorder(scheme.Scheme, corev1.EventSource{Component: "tester"})
	about := &corev1.ObjectReference{Kind: "ConfigMap", APIVersion: "v1", Namespace: space, Name: "thing"}
	for range 3 {
		recorder.Event(about, corev1.EventTypeWarning, "Repeated", "it happened")
	}
	within(t, "an event with count 3", func() (bool, error) {
		list, err := set.CoreV1().Events(space).List(context.Background(), metav1.ListOptions{FieldSelector: "reason=Repeated"})
		return err == nil && len(list.Items) == 1 && list.Items[0].Count == 3, err
	})
}

func TestTokensAndReviews(t *testing.T) {
	ctx := context.Background()
	set := clientset(t)
	space := namespace(t)
	within(t, "the default service account", func() (bool, error) {
		_, err := set.CoreV1().ServiceAccounts(space).Get(ctx, "default", metav1.GetOptions{})
		return err == nil, err
	})
	request, err := set.CoreV1().ServiceAccounts(space).CreateToken(ctx, "default", &authenticationv1.TokenRequest{
		Spec: authenticationv1.TokenRequestSpec{Audiences: []string{"tests"}},
	}, metav1.CreateOptions{})
	must(t, err)
	review, err := set.AuthenticationV1().TokenReviews().Create(ctx, &authenticationv1.TokenReview{
		Spec: authenticationv1.TokenReviewSpec{Token: request.Status.Token, Audiences: []string{"tests"}},
	}, metav1.CreateOptions{})
	must(t, err)
	equal(t, review.Status.User.Username, "system:serviceaccount:"+space+":default")
	access, err := set.AuthorizationV1().SubjectAccessReviews().Create(ctx, &authorizationv1.SubjectAccessReview{
		Spec: authorizationv1.SubjectAccessReviewSpec{
			User:               review.Status.User.Username,
			ResourceAttributes: &authorizationv1.ResourceAttributes{Namespace: space, Verb: "list", Resource: "pods"},
		},
	}, metav1.CreateOptions{})
	must(t, err)
	equal(t, access.Status.Allowed, false)
}
