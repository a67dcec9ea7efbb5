# Trains, saves, exports, measures and shows a model, as a user on Windows would. The last line says how good it is.
param(
    [Parameter(Mandatory)] [string] $Module,
    [Parameter(Mandatory)] [string] $Destination
)
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
Import-Module $Module

$data = Get-Cifar10 -Synthetic -TrainCount 1024 -TestCount 256
$model = New-ResNet20 -Seed 1
$reports = $data | Start-ModelTraining $model -Epochs 4 -BatchSize 32 -OutputDirectory $Destination/run
$reports | Out-String
$model | Save-Model $Destination/model.safetensors
$imported = Import-Model $Destination/model.safetensors
$imported | Export-Model $Destination/model.onnx
$measured = $data | Measure-Model $imported
$measured | Out-String
$data.Test[0..2] | Invoke-Inference $imported -Top 3 | Out-String
Get-TrainingHistory $Destination/run | Export-TrainingPlot $Destination/training.png
Get-ChildItem $Destination | Out-String
if ($measured.Accuracy -lt 0.9) { throw "Trained, but to $($measured.Accuracy) only." }
'Trained to {0:P1} under {1}, PowerShell {2}' -f $measured.Accuracy, $PSVersionTable.OS, $PSVersionTable.PSVersion
