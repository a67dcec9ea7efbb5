# Whatever is in a file, each cmdlet that reads it reads it or refuses it with an error of its own: quickly, and in little memory.
param([int] $Seed, [int] $Dose, [int] $Seconds, [string] $Folder)
. $PSScriptRoot/Common.ps1
. $PSScriptRoot/Mutations.ps1
Import-Module $modulePath
$WarningPreference = $InformationPreference = 'Ignore'
$random, $clock, $self = [Random]::new($Seed), [Diagnostics.Stopwatch]::StartNew(), [Diagnostics.Process]::GetCurrentProcess()

$classes = 'cat', 'dog', 'horse'
$images = Get-Cifar10 -Synthetic -TrainCount 16 -TestCount 16
$model = New-Network -Classes $classes -ImageSize 16 -Layers $tiny
$original = New-ResNet20 -Shortcut ProjectionOnly -Seed 1
$model | Save-Model $Folder/sealed.safetensors
$model | Export-Model $Folder/model.pth
$model | Export-Model $Folder/plain.onnx
$model | Export-Model $Folder/whole.onnx -IncludePreprocessing
$original | Export-Model $Folder/original.npz
$run = New-Network -Classes $images.Classes -ImageSize 32 -Layers $tiny
$null = $images | Start-ModelTraining $run -Epochs 2 -BatchSize 16 -OutputDirectory $Folder/run
$images.Test[0..3] | Export-Image $Folder/pictures
$pictures = (Get-ChildItem $Folder/pictures -Recurse -File).FullName
$null = Invoke-Inference $model $pictures
'path,label,part', ($pictures | ForEach-Object { "$_,$($_ -eq $pictures[0] ? 'cat' : 'dog'),train" }) | ForEach-Object { $_ } |
    Set-Content $Folder/list.csv

function Read-Bytes([string] $Name) { , [IO.File]::ReadAllBytes("$Folder/$Name") }
$import = { Import-Model -LiteralPath $args[0] -ErrorVariable +errors }
$history = { Get-TrainingRun -LiteralPath $args[0] -ErrorVariable +errors }
$guess = { Invoke-Inference $model -LiteralPath $args[0] -ErrorVariable +errors }
$allKeys = 'cifar10ps_', 'weights_sha256', 'preprocessing'
$compress = { , (Compress-Bytes $args[0]) }
# Weight: how many of a thousand mutations. Content, of which one is damaged; what is done with it then, and how it is read.
$inputs = @(
    @{ Name = 'a.safetensors'; Weight = 30; Content = (Read-Bytes sealed.safetensors); Read = $import }
    # Behind the hash, which would refuse all of them.
    @{ Name = 'b.safetensors'; Weight = 170; Content = Remove-Seal (Read-Bytes sealed.safetensors); Read = $import }
    @{ Name = 'c.safetensors'; Weight = 120; Content = Remove-Seal (Read-Bytes run/checkpoint-latest.safetensors); Read = $history }
    @{ Name = 'a.onnx'; Weight = 60; Content = Remove-Seal (Read-Bytes plain.onnx); Read = $import }
    @{ Name = 'b.onnx'; Weight = 60; Content = Remove-Seal (Read-Bytes whole.onnx); Read = $import }
    # Without what says that it is this module's, the graph itself is translated.
    @{ Name = 'c.onnx'; Weight = 60; Content = Remove-Seal (Read-Bytes whole.onnx) $allKeys; Read = $import }
    @{ Name = 'a.pth'; Weight = 40; Content = (Read-Bytes model.pth); Read = $import }
    # Behind the checksums of the archive.
    @{ Name = 'b.pth'; Weight = 80; Content = (Read-Bytes model.pth); InZip = $true; Read = $import }
    @{ Name = 'a.npz'; Weight = 10; Content = (Read-Bytes original.npz); Read = $import }
    @{ Name = 'b.npz'; Weight = 20; Content = ConvertTo-Empty (Read-Bytes original.npz); InZip = $true; Read = $import }
    @{ Name = 'snapshot'; Weight = 15; Content = ConvertTo-Snapshot (Read-Bytes original.npz); InZip = $true; Read = $history }
    @{ Name = 'log'; Weight = 70; Content = (Read-Bytes run/log); Read = $history }
    @{ Name = 'list.csv'; Weight = 50; Content = (Read-Bytes list.csv); Read = {
            $list = @{ PathProperty = 'path'; LabelProperty = 'label'; SplitProperty = 'part'; ImageSize = 16 }
            Import-Csv $args[0] | New-ImageDataset @list -ErrorVariable +errors } }
    foreach ($picture in Get-Pictures $pictures[0]) {
        @{ Name = $picture.Name; Weight = 35; Content = $picture.Content; Read = $guess }
    }
    @{ Name = 'batches.tar.gz'; Weight = 35; Content = Get-Archive 100; Then = $compress; Read = { Get-Cifar10 $args[0] } }
    @{ Name = 'compressed.tar.gz'; Weight = 4; Content = Compress-Bytes (Get-Archive 30730000); Read = { Get-Cifar10 $args[0] } }
    @{ Name = 'test_batch.bin'; Weight = 1; Content = [byte[]]::new(30730000); Read = {
            Get-Cifar10 (New-BatchFolder $args[0]) -TrainCount 4 -TestCount 4 } }
)
$lottery = foreach ($item in $inputs) { $item.Refused = $item.Done = 0; @($item) * $item.Weight }

function Invoke-Reader([hashtable] $Item, [string] $Path) {
    $errors = [Collections.ArrayList]::new()
    $ErrorActionPreference = 'SilentlyContinue'
    try { $null = & $Item.Read $Path } catch { $errors += $_ }
    # What PowerShell itself says, of a CSV file without a header, is not the module's.
    , @($errors | ForEach-Object { $_ -is [Management.Automation.ErrorRecord] ? $_ : $_.ErrorRecord } |
        Where-Object FullyQualifiedErrorId -NotMatch ',Microsoft\.PowerShell\.')
}

foreach ($item in $inputs) {
    $path = "$Folder/$($item.Name)"
    [IO.File]::WriteAllBytes($path, $item.Then ? (& $item.Then $item.Content) : $item.Content)
    $whole = Invoke-Reader $item $path
    # The small archive has too little in each file; it is refused later than most mutations.
    if ($whole -and $item.Name -ne 'batches.tar.gz') { Write-Failure "$($item.Name) is refused undamaged: $whole" $path }
}

$self.Refresh()
$limit, $most, $slowest, $before = ($self.PeakWorkingSet64 + 1GB), 0, 0.0, $self.PeakWorkingSet64
for ($i = 1; $i -le $Dose -and $clock.Elapsed.TotalSeconds -lt $Seconds; $i++) {
    $item = $lottery[$random.Next($lottery.Count)]
    $content = $item.InZip ? (Edit-Zip $item.Content $random) : (Edit-Bytes $item.Content $random)
    $path = "$Folder/$($item.Name)"
    [IO.File]::WriteAllBytes($path, $item.Then ? (& $item.Then $content) : $content)
    $what = "mutation $i of seed $Seed, $($item.Name)"
    # The last line, should this process not survive it; the file is still there then.
    if ($item.Done++ % 50 -eq 0) { "at $what" }
    $watch = [Diagnostics.Stopwatch]::StartNew()
    $found = Invoke-Reader $item $path
    $took = $watch.Elapsed.TotalSeconds
    $slowest = [Math]::Max($slowest, $took)
    if ($found) { $item.Refused++ }
    foreach ($wrong in $found | Where-Object { !(Test-Declared $_) } | Select-Object -First 1) {
        Write-Failure "$what`: $($wrong.FullyQualifiedErrorId): $wrong" $path
    }
    if ($took -gt 10) { Write-Failure "$what took $($took.ToString('N1', $invariant)) s." $path }
    $self.Refresh()
    if (($most = $self.PeakWorkingSet64) -gt $limit) {
        Write-Failure "$what`: the working set grew to $($most / 1MB -as [int]) MB." $path
        $limit = $most + 1GB
    }
}
$counts = $inputs | ForEach-Object { "$($_.Name) $($_.Refused)/$($_.Done)" }
"$($i - 1) of $Dose mutations, slowest $($slowest.ToString('N1', $invariant)) s, " +
    "memory +$(($most - $before) / 1MB -as [int]) MB, refused: $($counts -join ', ')"
